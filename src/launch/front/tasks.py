"""What a command line asks for, done. Imports neither torch nor lightning."""

import re
import shutil
from pathlib import Path
from typing import Any, get_args

from launch.check import configuration, settings
from launch.composition.compose import Composition, compose, compose_saved
from launch.composition.recipes import names
from launch.composition.typed import Typed, command
from launch.errors import ConfigError, nearest
from launch.front.conclusion import conclude
from launch.ladder.climb import Climber, climb_command, prepared
from launch.ladder.graph import climb_step
from launch.record.expand import expanded
from launch.record.parents import Parent, Parents, held, recorded
from launch.record.references import PASSED_ON
from launch.record.run import Run, find_runs, locate
from launch.start import devices
from launch.start.start import Job, announce, changed, checked, perform, require_paths

OF_A_RUN = ("validate", "predict", "export")
"""Tasks that use a finished run."""


def once(typed: Typed, name: str) -> int:
    """A command without `-m`: one task; returns the exit code."""
    if "resume" in typed:
        return resume(Run(Path(str(typed.value("resume")))), Typed.read(typed.without("resume")))
    task = typed.value("task", "train")
    of_a_run = task in OF_A_RUN or (task == "plan" and "experiment" not in typed)
    if of_a_run and typed.value("from"):
        return drawn(typed) if task == "plan" else apply(typed)
    composition = compose(typed.texts, name)
    config = composition.whole
    if config.task in ("runs", "report", "watch", "cancel"):
        return shown(config.task, composition)
    require_single(composition)
    if config.name is None and config.ladder is None:
        raise unnamed(composition)
    if config.task == "plan":
        return plan(composition, typed)
    folder = folder_of(composition)
    if config.task == "train":
        return train(composition, folder, typed)
    return apply_job(Job(composition, checked(composition)), folder)


def train(composition: Composition, folder: Path, typed: Typed) -> int:
    """Train or climb here, climb one step of a ladder, or submit all of it to a cluster."""
    step = composition.whole.step
    if is_for_a_cluster(composition):
        from launch.front.slurm import submit_climb  # noqa: PLC0415 - keeps other commands fast

        return submit_climb(composition, folder, typed)
    if step is not None:
        return climb_step(*prepared(composition, folder, typed), folder, str(step))
    code = climb_command(composition, folder, typed)
    conclude(Run(folder), code)
    return code


def is_for_a_cluster(composition: Composition) -> bool:
    """Whether `hydra/launcher=slurm` is typed, with which a command only submits."""
    launcher = composition.whole.hydra.launcher.get("_target_", "")
    return launcher.startswith("hydra_plugins.launch_slurm_launcher.")


def require_one(typed: Typed) -> None:
    """
    Raises:
        ConfigError: if a ladder or a study and something else to train are typed.
    """
    for group, does in (("ladder", "climbs"), ("study", "compares")):
        others = [g for g in ("experiment", "ladder", "study") if g in typed and g != group]
        if group in typed and others:
            raise ConfigError(
                f"+{group}={typed.value(group, 'NAME')} says itself which experiments it {does}; "
                f"leave one of them out: +{group} or +{others[0]}"
            )


def require_single(composition: Composition) -> None:
    """
    Raises:
        ConfigError: for what is a sweep, which takes -m.
    """
    config = composition.whole
    again = command("-m", *composition.overrides)
    if config.study is not None:
        raise ConfigError(f"a study is a sweep; add -m: {again}")
    if config.search is not None:
        raise ConfigError(f"a search is a sweep; add -m: {again}")
    swept = config.hydra.sweeper.get("params")
    if swept and config.task == "train":
        one = command(*composition.overrides, "hydra.sweeper.params=null")
        raise ConfigError(
            f"{config.name} is a sweep over {', '.join(swept)}; add -m: {again}\n"
            f"or train once with its own values: {one}"
        )


def unnamed(composition: Composition) -> ConfigError:
    """Why a command that names no experiment cannot go on; a mistyped key or task comes first.

    Raises:
        ConfigError: for that.
    """
    configuration.tell(list(settings.problems(composition.plain)), composition)
    task = composition.whole.task
    if task in OF_A_RUN:
        return ConfigError(f"task={task} needs from=latest, a run folder or a checkpoint")
    known = names("experiment")
    return ConfigError(
        f"which experiment? Type +experiment=NAME, such as +experiment={known[-1]}; "
        f"python -m launch lists all {len(known)}"
    )


def folder_of(composition: Composition) -> Path:
    """Where a run or a ladder lies; a ladder's place is its name's, so that its command goes on."""
    config = composition.whole
    if config.ladder is None or config.run_dir is not None:
        return composition.folder
    return Path(config.runs, "ladder", str(config.ladder.get("name")))


# Runs that are there


def apply(typed: Typed) -> int:
    """Validate or predict with a finished run, from nothing but its folder."""
    if typed.value("task") == "predict":
        require_paths({key: typed.value(key) for key in ("input", "output")})
    experiment = typed.value("experiment")
    runs = Path(str(typed.value("runs", "runs")))
    source, checkpoint = locate(str(typed.value("from")), runs, experiment)
    if typed.value("task") == "validate" and not Path(str(typed.value("from"))).is_file():
        checkpoint = source.measured
    print(f"{typed.value('task')} of {checkpoint}", flush=True)
    if not source.record:  # a model file of another program: the recipe is the one typed
        composition = compose(typed.texts)
        parents: Parents = {"from": Parent.of(source, checkpoint)}
        return apply_job(Job(composition, checked(composition), parents), composition.folder)
    kept = Typed.read(typed.without("experiment", "scale"))
    composition = compose_saved(source, kept)
    parents = {"from": Parent.of(source, checkpoint)}
    parents |= {
        reference: parent if parent and Path(parent.checkpoint).is_file() else None
        for reference, parent in held(source).items()
        if reference != "from"
    }
    rung = source.record.get("rung")
    part = (source.record["experiment"], rung) if rung else None
    job = Job(composition, checked(composition), parents, part)
    below = typed.value("run_dir") is None
    return apply_job(job, composition.folder_below(runs) if below else composition.folder)


def apply_job(job: Job, folder: Path) -> int:
    """Do a task other than training in a folder; returns the exit code."""
    announce([job.config])
    devices.require(job.config)
    is_new, code = not folder.exists(), 1
    try:
        code = perform(job, Run(folder))
    finally:
        if code and is_new:  # what it was is printed, and there is nothing to go on with
            shutil.rmtree(folder, ignore_errors=True)
    if code == 0:
        conclude(Run(folder), code)
    return code


def resume(run: Run, typed: Typed) -> int:
    """Continue a run with its own configuration and what is typed beside `resume=`."""
    if not run.record:
        raise ConfigError(f"resume={run.folder}: not a run folder.{suggested(run)}")
    if run.status == "completed" and not typed.texts:
        print(f"{run.folder} is completed already; nothing to resume")
        return 0
    if run.status == "completed" and not resumable(run.rung()):
        raise ConfigError(
            f"{run.folder} is completed and has kept its weights alone "
            f"(trainer.keep_optimizer=false); start a new run from them with from={run.folder}"
        )
    if run.record.get("rungs"):
        overrides = [*run.record["overrides"], *typed.texts]
        composition = compose(overrides)
        code = climb_command(composition, run.folder, Typed.read(overrides), resumed=True)
    else:
        composition = compose_saved(run, typed)
        job = Job(composition, checked(composition), recorded(run))
        devices.require(job.config)
        code = changed(job, run)
    conclude(run, code)
    return code


def resumable(run: Run) -> bool:
    """Whether a completed run has kept what further training needs."""
    return run.last.is_file() and run.config["trainer"].get("keep_optimizer", True)


def suggested(wanted: Run) -> str:
    """A sentence on what could be resumed instead."""
    known = find_runs(Path("runs"))
    stopped = [run for run in known if run.status in ("interrupted", "failed")]
    last = f" The last one that stopped is resume={stopped[-1].folder}" if stopped else ""
    close = nearest(str(wanted.folder), [str(run.folder) for run in known])
    return close or last or " python -m launch task=runs lists the runs"


# Many runs


def sweep(hydra: Any, name: str, overrides: list[str]) -> int:
    """Hydra's multirun over any launcher, then a table; returns 1 if a job failed.

    Raises:
        ConfigError: for a task that runs nothing, and for `resume=`.
    """
    typed = Typed.read(overrides)
    if "resume" in typed:
        again = command(*overrides)
        raise ConfigError(f"-m starts a sweep, and resume= continues a run; leave -m out: {again}")
    task = typed.value("task")
    if task in get_args(settings.Show):
        one = "plan one of its jobs, without -m" if task == "plan" else "leave -m out"
        raise ConfigError(f"-m runs jobs, and task={task} runs none; {one}")
    from launch.front.job import job  # noqa: PLC0415 - keeps single runs fast
    from launch.front.sweep import Remembering, Swept  # noqa: PLC0415
    from launch.sweep import watch  # noqa: PLC0415

    hydra.config_loader = Remembering(hydra.config_loader)
    swept = hydra.multirun(name, job, overrides, with_log_configuration=False)
    if not isinstance(swept, Swept):  # another sweeper's, which tells of itself
        return 0
    if swept.is_left_alone:
        return int(bool(swept.refused))
    if swept.study is not None:
        from launch.study.conclusion import conclude  # noqa: PLC0415 - plotting is slow to import

        return conclude(swept.study, swept.folder)
    code = watch.conclude(swept.folder)
    print(f"{swept.folder}  repeat: {command('-m', *overrides)}")
    return int(bool(code or swept.refused))


def search(typed: Typed, name: str) -> int:
    """Trials that Optuna chooses; returns the exit code."""
    from launch.search.searching import main  # noqa: PLC0415 - needs an extra

    pairs = zip(typed.texts, typed.parsed, strict=True)
    chosen = [text for text, o in pairs if not o.is_sweep_override()]
    # A file of a search names a few of its keys; all of them may be typed.
    composition = compose([re.sub(r"^(?=search\.)", "++", text) for text in chosen], name)
    return main(composition.whole, typed.without("search", "run_dir", "extend", "hydra"))


# What is shown


def plan(composition: Composition, typed: Typed) -> int:
    """`task=plan`: tables and pictures of every schedule, without training."""
    folder = folder_of(composition)
    climber = Climber(Path(composition.whole.runs), "none", typed.of(*PASSED_ON))
    target = climber.described(composition)
    configuration.require_read((training.composition for training in target.trainings()), typed)
    if target.ladder is not None and not target.ladder.of:
        from launch.ladder import plan as ladder_plan  # noqa: PLC0415 - plotting is slow to import

        return ladder_plan.main(target, folder)
    from launch.show import plan, preview  # noqa: PLC0415 - as above

    rungs = {rung.short: expanded(inner.config) for rung, inner in target.inner}
    whole = target.config | {"rungs": rungs} if rungs else expanded(target.config)
    missing = preview.missing([*rungs.values()] or [whole])
    code = plan.main(whole, folder)
    for sentence in missing:
        print(f"warning: {sentence}")
    return code


def drawn(typed: Typed) -> int:
    """`task=plan from=RUN`: the plan of a run above what its metrics then did."""
    from launch.show import course  # noqa: PLC0415 - plotting is slow to import

    runs = Path(str(typed.value("runs", "runs")))
    return course.main(locate(str(typed.value("from")), runs)[0])


def shown(task: str, composition: Composition) -> int:
    """`task=runs`, `task=report`, `task=watch` and `task=cancel`."""
    config = composition.whole
    if task in ("watch", "cancel"):
        from launch.sweep import watch  # noqa: PLC0415 - keeps other commands fast

        folder = watch.meant(config.run_dir, Path(config.runs))
        return watch.watch(folder) if task == "watch" else watch.cancel(folder)
    if task == "runs":
        from launch.front.listing import runs  # noqa: PLC0415 - keeps other commands fast

        print(runs(Path(config.runs)))
        return 0
    from launch.show.report import report  # noqa: PLC0415 - plotting is slow to import

    return report.main(config.runs, config.output, watch=config.watch)
