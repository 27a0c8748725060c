"""`hydra/launcher=slurm`: jobs of a sweep or a ladder, submitted and left alone. No torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from launch.composition.compose import Composition, plain
from launch.composition.typed import FLAGS, Typed, as_value, command
from launch.errors import ConfigError, LaunchError, MissingError
from launch.ladder.climb import prepared
from launch.ladder.graph import steps
from launch.ladder.outcome import begin
from launch.record.run import Run
from launch.sweep import cluster


def submit(config: DictConfig, jobs: list[list[str]], settings: dict[str, Any]) -> None:
    """Submit the jobs that Slurm does not have yet, and say how to follow them.

    Raises:
        MissingError: if submitit is not installed.
        LaunchError: if Slurm refuses them.
    """
    folder = Path(config.hydra.sweep.dir)
    there = cluster.queued(folder)
    commands = {place: arguments for place, arguments in map(single(folder), jobs)}
    commands = {place: c for place, c in commands.items() if place not in there}
    if there:
        print(f"{len(there)} jobs are in the queue already")
    if commands:
        numbers = submitted(folder, list(commands.values()), settings)
        cluster.note(folder, dict(zip(commands, numbers, strict=True)))
        print(f"submitted {len(commands)} jobs: {numbers[0]} to {numbers[-1]}")
    print(how_to_follow(folder), flush=True)


def submit_climb(composition: Composition, folder: Path, typed: Typed) -> int:
    """Submit a training or a ladder, and what has to come first, as jobs that wait for each other.

    Raises:
        LaunchError: for what is wrong with any of them, or if Slurm refuses them.
    """
    climber, target = prepared(composition, folder, typed)
    climber.require_own(target, folder)
    settings = plain(composition.whole.hydra, "launcher")
    planned = steps(climber, target, folder, typed)
    if settings["cluster"] == "local" and len(planned) > 1:
        raise ConfigError(
            "hydra.launcher.cluster=local keeps no order, which these jobs need: "
            f"{', '.join(step.name for step in planned)}; leave out hydra/launcher=slurm"
        )
    there = cluster.queued(folder)
    with Run(folder).lock():
        if target.ladder is not None and not target.ladder.of and not there:
            begin(target, Run(folder))
        for step in planned:
            numbers = cluster.jobs(folder)
            if step.name in there:
                print(f"{step.name} is in the queue already, as {numbers[step.name]}")
                continue
            waits = [numbers[name] for name in step.needs]
            [number] = submitted(folder, [[*FLAGS, *step.arguments]], settings, waits)
            cluster.note(folder, {step.name: number})
            after = f", after {', '.join(step.needs)}" if waits else ""
            print(f"submitted {step.name} as {number}{after}")
    print(how_to_follow(folder), flush=True)
    return 0


def how_to_follow(folder: Path) -> str:
    return (f"follow them: {command('task=watch', f'run_dir={folder}')}\n"
            f"stop them: {command('task=cancel', f'run_dir={folder}')}")  # fmt: skip


def single(folder: Path) -> Any:
    """A job as the command that would train it alone, by its place."""

    def found(job: list[str]) -> tuple[str, list[str]]:
        [placed] = [o for o in OverridesParser.create().parse_overrides(job)
                    if o.key_or_group == "hydra.sweep.subdir"]  # fmt: skip
        place = str(placed.value())
        kept = Typed.read(job).without("hydra")
        return place, [*FLAGS, *kept, f"run_dir={as_value(folder / place)}"]

    return found


def submitted(
    folder: Path, commands: list[list[str]], settings: dict[str, Any], waits: Sequence[str] = ()
) -> list[str]:
    """Hand commands to submitit; returns Slurm's numbers.

    Args:
        waits: numbers of jobs that have to end well before; if one does not, neither begins.
    """
    try:
        import submitit  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingError(
            "hydra/launcher=slurm needs submitit: pip install 'launch-recipes[slurm]'"
        ) from error
    try:
        executor = submitit.AutoExecutor(
            folder / ".slurm",
            cluster=settings["cluster"],
            slurm_max_num_timeout=settings["submissions_after_timeout"],
        )
        executor.update_parameters(**{k: v for k, v in settings["resources"].items()
                                      if v is not None})  # fmt: skip
        if waits:
            executor.update_parameters(slurm_additional_parameters={
                "dependency": f"afterok:{':'.join(waits)}", "kill-on-invalid-dep": "yes"
            })  # fmt: skip
        with executor.batch():
            jobs = [executor.submit(cluster.Command(c)) for c in commands]
    except Exception as error:
        raise LaunchError(f"the jobs could not be submitted: {error}", 3) from error
    return [str(job.job_id) for job in jobs]
