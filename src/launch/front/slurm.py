"""`hydra/launcher=slurm`: the jobs of a sweep as an array, submitted and left alone. No torch."""

from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from launch.composition.typed import FLAGS, Typed, as_value, command
from launch.errors import LaunchError, MissingError
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
    print(f"follow them: {command('task=watch', f'run_dir={folder}')}\n"
          f"stop them: {command('task=cancel', f'run_dir={folder}')}", flush=True)  # fmt: skip


def single(folder: Path) -> Any:
    """A job as the command that would train it alone, by its place."""

    def found(job: list[str]) -> tuple[str, list[str]]:
        [placed] = [o for o in OverridesParser.create().parse_overrides(job)
                    if o.key_or_group == "hydra.sweep.subdir"]  # fmt: skip
        place = str(placed.value())
        kept = Typed.read(job).without("hydra")
        return place, [*FLAGS, *kept, f"run_dir={as_value(folder / place)}"]

    return found


def submitted(folder: Path, commands: list[list[str]], settings: dict[str, Any]) -> list[str]:
    """Hand commands to submitit; returns Slurm's numbers."""
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
        with executor.batch():
            jobs = [executor.submit(cluster.Command(c)) for c in commands]
    except Exception as error:
        raise LaunchError(f"the jobs could not be submitted: {error}", 3) from error
    return [str(job.job_id) for job in jobs]
