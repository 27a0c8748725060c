"""`-m`: the jobs of a sweep, continued by the same command, over any Hydra launcher. No torch."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from launch.composition.compose import Composition
from launch.composition.explain import COMPOSING, explain
from launch.composition.typed import Typed, as_value, last_wins
from launch.errors import ConfigError, LaunchError
from launch.ladder.climb import require_startable
from launch.record.origin import now
from launch.record.run import Run
from launch.record.storage import write, write_json
from launch.start import pool
from launch.start.start import refuse, require_parents
from launch.study import study
from launch.sweep.folder import FILE, Sweep, SweptJob, apart, latest, names

Overrides = list[str]

OF_THE_SWEEP = ("run_dir", "extend", "study")
"""Root sections that are for the sweep and not for its jobs."""

SECONDS_TO_WAIT = 2.0
"""For the lock of a sweep: one that was killed lets go at once."""


@dataclass(frozen=True)
class Swept:
    """A sweep that has ended: where, the study that it was, if any, how many jobs could not run at
    all, and whether it has only been submitted."""

    folder: Path
    study: DictConfig | None
    refused: int
    is_left_alone: bool = False


def sweep(sweeper: BasicSweeper, arguments: list[str]) -> Swept:
    """Compose and check every job, then hand those that are not completed to the launcher.

    Raises:
        LaunchError: for what is wrong with any job, if the folder holds another sweep, or if
            another process is at work on it; before any job has begun.
    """
    config, context, launcher = sweeper.config, sweeper.hydra_context, sweeper.launcher
    assert config is not None and context is not None and launcher is not None
    loader = context.config_loader
    assert isinstance(loader, Remembering)
    listed_now = once_each(listed(sweeper, arguments))
    folder = folder_of(config, listed_now, getattr(launcher, "is_detached", False))
    with open_dict(config):
        config.hydra.sweep.dir = str(folder)
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={as_value(folder)}")
    loader.compose_all(config, listed_now)
    both = merged(folder, listed_now, config)
    jobs = [loader.placed(number, overrides) for number, overrides in enumerate(both)]
    refused = require_some(loader, folder, jobs, every=config.study is not None)
    with Run(folder).lock(SECONDS_TO_WAIT):
        if merged(folder, listed_now, config) != both:  # which says itself if it is another sweep
            raise ConfigError(f"{folder} was changed by another process just now; repeat this")
        Run(folder).forget_stop()
        write_json(folder / FILE, {"jobs": [asdict(job) for job in jobs], "written": now()})
        write(folder / "multirun.yaml", OmegaConf.to_yaml(config))
        for job, error in refused.items():
            refuse(Run(folder / job.place), loader.composition(job), error)
        open_jobs = [job for job in jobs if job not in refused and not is_settled(folder, job)]
        tell(jobs, open_jobs, refused)
        with pool.opened():
            start_all(sweeper, [launched(job) for job in open_jobs])
    detached = bool(open_jobs) and getattr(launcher, "is_detached", False)
    return Swept(folder, config.study, len(refused), detached)


def once_each(jobs: list[Overrides]) -> list[Overrides]:
    """Without those that are listed before, which is told: they would be the same run."""
    kept = [list(job) for job in dict.fromkeys(map(tuple, jobs))]
    if len(kept) < len(jobs):
        print(f"{len(jobs) - len(kept)} of {len(jobs)} jobs repeat another and are left out")
    return kept


def start_all(sweeper: BasicSweeper, jobs: list[Overrides]) -> None:
    """Hand jobs to the launcher, `hydra.sweeper.max_batch_size` at a time."""
    assert sweeper.launcher is not None
    size = sweeper.max_batch_size or len(jobs) or 1
    for at in range(0, len(jobs), size):
        sweeper.launcher.launch(jobs[at : at + size], initial_job_idx=at)


def tell(
    jobs: list[SweptJob], open_jobs: list[SweptJob], refused: dict[SweptJob, LaunchError]
) -> None:
    """What the sweep is about to do, and every job that it cannot start."""
    named = dict(zip((job.place for job in jobs), names(jobs), strict=True))
    done = len(jobs) - len(open_jobs) - len(refused)
    counted = f"{len(jobs)} job{'s' * (len(jobs) != 1)}"
    print(f"{counted}: {len(open_jobs)} to run, {done} completed already"
          + (f", {len(refused)} that cannot run" if refused else ""), flush=True)  # fmt: skip
    for job, error in refused.items():
        print(f"{named[job.place]}: {error.message}", flush=True)


def folder_of(config: DictConfig, jobs: list[Overrides], is_detached: bool) -> Path:
    """The folder of a sweep that none was typed for: a study has one that its name decides.

    That of the last sweep, if it has the same jobs and has not come to its end; unless jobs are
    only submitted, since they may wait in a queue.
    """
    typed = [o for o in config.hydra.overrides.hydra if o.startswith("hydra.sweep.dir")]
    new = Path(config.hydra.sweep.dir)
    if config.run_dir is not None or typed:
        return new
    if config.study is not None:
        return Path(config.runs, "study", str(config.study.get("name")))
    last = None if is_detached else latest(new.parent)
    with suppress(ConfigError):  # a damaged one is not continued
        if last and [list(job.overrides) for job in last.jobs] == jobs and not last.is_completed:
            print(f"continues {last.folder}")
            return last.folder
    return new


def listed(sweeper: BasicSweeper, arguments: list[str]) -> list[Overrides]:
    """The overrides of every job: those of a study, or the product of what was typed."""
    config, context = sweeper.config, sweeper.hydra_context
    assert config is not None and context is not None
    typed = Typed.read([*sweeper._parse_config(), *arguments])
    several = [o.input_line for o in typed.parsed
               if o.is_sweep_override() and o.key_or_group in OF_THE_SWEEP]  # fmt: skip
    if several:
        raise ConfigError(f"{several[0]}: holds for the whole sweep and takes one value")
    kept = typed.without(*OF_THE_SWEEP)
    if config.study is not None:
        return study.listed(config.study, kept)
    parser = OverridesParser.create(config_loader=context.config_loader)
    [jobs] = sweeper.split_arguments(parser.parse_overrides(kept), None)
    if not jobs:
        swept = [o.input_line for o in parser.parse_overrides(kept) if o.is_sweep_override()]
        raise ConfigError(f"nothing to run: one of {', '.join(map(str, swept))} gives no value")
    return jobs


class Remembering(ConfigLoaderImpl):
    """Composes a job once, although it is asked for before the sweep and by the launcher.

    What is typed for the trainings of a ladder or a study is no key of its own: it is left out here
    and stays one of the overrides, which the trainings get.
    """

    def __init__(self, inner: ConfigLoader) -> None:
        vars(self).update(vars(inner))
        self.composed: dict[tuple[str, ...], DictConfig] = {}
        self.master: DictConfig | None = None

    def compose_all(self, master: DictConfig, jobs: Sequence[Overrides]) -> None:
        """
        Raises:
            ConfigError: for every job that cannot be composed.
        """
        self.master = master
        problems: dict[str, None] = {}
        for job in jobs:
            try:
                self.composed[tuple(job)] = self.load_sweep_config(master, job)
            except COMPOSING as error:
                problems[explain(error, job).message] = None
        if problems:
            raise ConfigError("\n".join(problems))

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        typed = Typed.read(overrides)
        config = super().load_configuration(
            config_name, typed.of_the_whole, run_mode, from_shell, validate_sweep_overrides
        )
        config.hydra.overrides.task = typed.without("hydra")
        naming = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            [o for o in typed.parsed if not o.is_hydra_override()],
            naming.exclude_keys,
            naming.item_sep,
            naming.kv_sep,
        )
        return config

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        known = self.composed.get(tuple(sweep_overrides))
        return known if known else super().load_sweep_config(master_config, list(sweep_overrides))

    def placed(self, number: int, overrides: Overrides) -> SweptJob:
        """A job with the place that Hydra would give it, which stays its own from now on."""
        assert self.master is not None
        config = self.load_sweep_config(self.master, overrides)
        with open_dict(config):
            config.hydra.job.num = number
        HydraConfig.instance().set_config(config)
        job = SweptJob(str(config.hydra.sweep.subdir), tuple(overrides))
        OmegaConf.set_readonly(config.hydra, None)  # which HydraConfig has made so
        config.hydra.sweep.subdir = job.place
        self.composed[tuple(launched(job))] = config
        return job

    def composition(self, job: SweptJob) -> Composition:
        return Composition(self.composed[tuple(launched(job))], list(job.overrides))


def launched(job: SweptJob) -> Overrides:
    """What a launcher is given, so that a job lies in its place whichever others are started."""
    return last_wins([*job.overrides, f"hydra.sweep.subdir={as_value(Path(job.place))}"])


def merged(folder: Path, jobs: list[Overrides], config: DictConfig) -> list[Overrides]:
    """The jobs of a sweep that is begun, continued, or extended, those of the folder first.

    Raises:
        ConfigError: if the folder holds another sweep, naming what differs.
    """
    before = [list(job.overrides) for job in Sweep(folder).jobs]
    added = [job for job in jobs if job not in before]
    dropped = [job for job in before if job not in jobs]
    if before and (added or dropped) and not config.extend:
        raise ConfigError(
            f"{folder} holds another sweep: it has {shown(dropped) or 'no job'} that this one has "
            f"not, and this one has {shown(added) or 'no job'} that it has not. Choose another "
            "run_dir, repeat its own command to continue it, or add these jobs with extend=true"
        )
    return [*before, *added]


def shown(jobs: list[Overrides]) -> str:
    """The first jobs by what they do not share with one another."""
    texts = [" ".join(part) for part in apart(jobs)[:4]]
    return "; ".join(texts) + (f" and {len(jobs) - 4} more" if len(jobs) > 4 else "")


def require_some(
    loader: Remembering, folder: Path, jobs: list[SweptJob], every: bool
) -> dict[SweptJob, LaunchError]:
    """The jobs that cannot run, which does not keep the others from it.

    Raises:
        LaunchError: if none can run, or not `every` one where a table needs them all.
    """
    refused: dict[SweptJob, LaunchError] = {}
    for job in jobs:
        try:
            require_startable(loader.composition(job), folder / job.place)
        except LaunchError as error:
            refused[job] = error
    if refused and (every or len(refused) == len(jobs)):
        messages = dict.fromkeys(error.message for error in refused.values())
        raise type(next(iter(refused.values())))("\n".join(messages))
    return refused


def is_settled(folder: Path, job: SweptJob) -> bool:
    """Whether a job has its result, from checkpoints that are still what they were."""
    run = Run(folder / job.place)
    if run.status != "completed":
        return False
    require_parents(run)
    return True
