"""`-m`: the jobs of a sweep, continued by the same command, over any Hydra launcher. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from launch.composition.compose import Composition
from launch.composition.explain import COMPOSING, explain
from launch.composition.typed import Typed, as_value
from launch.errors import ConfigError, LaunchError
from launch.ladder.climb import Climber
from launch.record.run import Run, now, read_json, write, write_json
from launch.start.start import checked
from launch.study import study

if TYPE_CHECKING:
    from hydra_plugins.launch_sweeper import LaunchSweeper

Overrides = list[str]

FILE = "sweep.json"
OF_THE_SWEEP = ("run_dir", "extend", "study")
"""Root sections that are for the sweep and not for its jobs."""


@dataclass(frozen=True)
class Swept:
    """A sweep that has ended: where, and the study that it was, if any."""

    folder: Path
    study: DictConfig | None


def sweep(sweeper: "LaunchSweeper", arguments: list[str]) -> Swept:
    """Compose every job, then hand them to the launcher.

    Raises:
        LaunchError: for what is wrong with any job, or if the folder holds another sweep; before
            any job has begun.
    """
    config, context, launcher = sweeper.config, sweeper.hydra_context, sweeper.launcher
    assert config is not None and context is not None and launcher is not None
    loader = context.config_loader
    assert isinstance(loader, Remembering)
    folder = folder_of(config)
    with open_dict(config):
        config.hydra.sweep.dir = str(folder)
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={as_value(folder)}")
    jobs = listed(sweeper, arguments)
    loader.compose_all(config, jobs)
    require_some(loader, jobs, every=config.study is not None)
    with Run(folder).lock():
        jobs = continued(folder, jobs, bool(config.extend))
        loader.compose_all(config, jobs)
        write(folder / "multirun.yaml", OmegaConf.to_yaml(config))
        size = sweeper.max_batch_size or len(jobs)
        starts = range(0, len(jobs), size)
        for at in starts:
            launcher.launch(jobs[at : at + size], initial_job_idx=at)
    return Swept(folder, config.study)


def folder_of(config: DictConfig) -> Path:
    """The folder of a sweep; a study has one that its name decides."""
    if config.study is None or config.run_dir is not None:
        return Path(config.hydra.sweep.dir)
    return Path(config.runs, "study", str(config.study.get("name")))


def listed(sweeper: "LaunchSweeper", arguments: list[str]) -> list[Overrides]:
    """The overrides of every job: those of a study, or the product of what was typed."""
    config, context = sweeper.config, sweeper.hydra_context
    assert config is not None and context is not None
    typed = Typed.read([*sweeper._parse_config(), *arguments])
    kept = typed.without(*OF_THE_SWEEP)
    if config.study is not None:
        return study.listed(config.study, kept)
    parser = OverridesParser.create(config_loader=context.config_loader)
    [jobs] = sweeper.split_arguments(parser.parse_overrides(kept), None)
    return jobs


class Remembering(ConfigLoaderImpl):
    """Composes a job once, although it is asked for before the sweep and by the launcher.

    What is typed for the trainings of a ladder or a study is no key of its own: it is left out here
    and stays one of the overrides, which the trainings get.
    """

    def __init__(self, inner: ConfigLoader) -> None:
        vars(self).update(vars(inner))
        self.composed: dict[tuple[str, ...], DictConfig] = {}

    def compose_all(self, master: DictConfig, jobs: Sequence[Overrides]) -> None:
        """
        Raises:
            ConfigError: for every job that cannot be composed.
        """
        problems: dict[str, None] = {}
        for job in jobs:
            try:
                self.composed[tuple(job)] = self.load_sweep_config(master, list(job))
            except COMPOSING as error:
                problems[explain(error, list(job)).message] = None
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
        return known if known else super().load_sweep_config(master_config, sweep_overrides)


def require_some(loader: Remembering, jobs: Sequence[Overrides], every: bool) -> None:
    """
    Raises:
        LaunchError: if no job can run, or not `every` one where a table needs them all. A job that
            cannot run does not keep the others from it; it is recorded as failed. Of ladders, which
            are many compositions each, those are looked at that come before one that can.
    """
    problems: dict[str, LaunchError] = {}
    refused = 0
    for place, job in enumerate(jobs):
        composition = Composition(loader.composed[tuple(job)], list(job))
        several = composition.whole.ladder is not None or composition.whole.rungs is not None
        try:
            if not several:
                checked(composition)
            elif refused == place and not every:
                Climber(Path(composition.whole.runs), "none", []).described(composition)
        except LaunchError as error:
            problems[error.message] = error
            refused += 1
    if problems and (every or refused == len(jobs)):
        raise type(next(iter(problems.values())))("\n".join(problems))


def continued(folder: Path, jobs: list[Overrides], extend: bool) -> list[Overrides]:
    """The jobs of a sweep that is begun, continued, or extended; recorded in `sweep.json`.

    Raises:
        ConfigError: if the folder holds another sweep, naming what differs.
    """
    before: list[Overrides] = read_json(folder / FILE).get("jobs", [])
    added = [job for job in jobs if job not in before]
    dropped = [job for job in before if job not in jobs]
    if before and (added or dropped) and not extend:
        raise ConfigError(
            f"{folder} holds another sweep: it has {shown(dropped) or 'no job'} that this one has "
            f"not, and this one has {shown(added) or 'no job'} that it has not. Choose another "
            "run_dir, repeat its own command to continue it, or add these jobs with extend=true"
        )
    write_json(folder / FILE, {"jobs": [*before, *added], "written": now()})
    return [*before, *added]


def shown(jobs: list[Overrides]) -> str:
    """The first jobs by what they do not share with one another."""
    shared = set.intersection(*(set(job) for job in jobs)) if len(jobs) > 1 else set()
    texts = [" ".join(o for o in job if o not in shared) for job in jobs[:4]]
    return "; ".join(texts) + (f" and {len(jobs) - 4} more" if len(jobs) > 4 else "")
