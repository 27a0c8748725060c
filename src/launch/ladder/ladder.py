"""What a ladder is: rungs in order, with gates. An experiment of several trainings is one too."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from omegaconf import OmegaConf
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from launch.composition.compose import Composition
from launch.composition.recipes import rungs_of
from launch.composition.typed import Typed, last_wins, normalised
from launch.errors import ConfigError, nearest
from launch.ladder.gates import AnyGate
from launch.record.run import Run

OWN = ("experiment", "ladder", "study", "search", "rungs", "run_dir", "step")
"""Root sections that say what is climbed and where; the rest holds for every rung."""


@dataclass(frozen=True)
class Rung:
    """One experiment of a ladder.

    Attributes:
        gates: what is asked of its validations before the next rung begins.
        overrides: what differs here from the experiment, as one would type it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    experiment: str
    gates: list[AnyGate] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)

    @property
    def short(self) -> str:
        """The last part of its name."""
        return self.experiment.rpartition("/")[2]


@dataclass(frozen=True)
class Ladder:
    """What a `ladder:` section says, or the `rungs:` of an experiment.

    Attributes:
        metrics: columns of the table at the end; names or patterns.
        show: columns of task=plan, label -> dotted key of the experiments.
        of: the experiment whose trainings these are, "" for a ladder of experiments.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^\w[\w/-]*$")]
    rungs: Annotated[list[Rung], Field(min_length=1)]
    metrics: list[str] = field(default_factory=list)
    show: dict[str, str] = field(default_factory=dict)
    of: str = ""

    def place(self, rung: Rung) -> str:
        """Where a rung lies in the folder of the ladder."""
        return rung.short if self.of else rung.experiment

    def overrides(self, rung: Rung, typed: Typed) -> list[str]:
        """What a rung is composed of; what is typed wins over the ladder's."""
        shared = Typed.read(typed.for_rung(rung.short)).without(*OWN)
        listed = [f"experiment={rung.experiment}", *rung.overrides, *shared]
        return last_wins(map(normalised, listed))

    def run(self, rung: Rung, folder: Path, retried: bool = False) -> Run:
        """The run of a rung, or that with a remedy."""
        return Run(folder / (self.place(rung) + "_retry" * retried))

    def result(self, rung: Rung, folder: Path) -> Run:
        """The run from which later rungs start: the one with a remedy, if it is finished."""
        run = self.run(rung, folder, retried=True)
        return run if run.status == "completed" else self.run(rung, folder)

    def results(self, folder: Path) -> list[Run]:
        return [self.result(rung, folder) for rung in self.rungs]


def ladder_of(composition: Composition) -> Ladder | None:
    """The ladder that a configuration is, if it is one.

    Raises:
        ConfigError: for everything that is missing, unknown or contradictory.
    """
    config = composition.whole
    typed = Typed.read(composition.overrides).rungs
    if config.get("ladder") is not None:
        ladder = choose(read(config.ladder), config.rungs)
        require_rungs(ladder.name, typed, [rung.short for rung in ladder.rungs])
        return ladder
    name = str(config.name)
    if config.get("rungs") is None:
        require_rungs(name, typed, [])
        return None
    places = [source.path for source in config.hydra.runtime.config_sources if source.path]
    known = rungs_of(name, places)
    require_rungs(name, typed, known)
    return of_experiment(name, config.rungs, known)


def of_experiment(name: str, rungs: Collection[str], known: Collection[str]) -> Ladder:
    """The ladder of an experiment's own rungs, or of some of them, in the order of its file.

    Raises:
        ConfigError: if it has no rung of that name.
    """
    require_rungs(name, rungs, known)
    if not rungs:
        raise ConfigError(f"rungs: {name} is left without any")
    return Ladder(name, [Rung(f"{name}/{rung}") for rung in known if rung in rungs], of=name)


def require_rungs(name: str, wanted: Iterable[str], known: Collection[str]) -> None:
    """
    Raises:
        ConfigError: for a name that is not one of the known rungs.
    """
    for rung in wanted:
        if not known:
            raise ConfigError(f"rungs.{rung}: {name} is one training and has no rungs")
        if rung not in known:
            guess = nearest(str(rung), known) or f" They are {', '.join(known)}."
            raise ConfigError(f"rungs.{rung}: {name} has no such rung.{guess}")


def read(section: Any) -> Ladder:
    """The ladder of a `ladder:` section.

    Raises:
        ConfigError: for everything that is missing, unknown or contradictory.
    """
    plain = OmegaConf.to_container(section) if OmegaConf.is_config(section) else section
    try:
        ladder = TypeAdapter(Ladder).validate_python(plain)
    except ValidationError as error:
        places = (
            f"ladder.{'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in error.errors(include_url=False)
        )
        raise ConfigError("\n".join(places)) from error
    names = [rung.experiment for rung in ladder.rungs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"ladder.rungs: {', '.join(twice)} is there twice")
    return ladder


def choose(ladder: Ladder, wanted: Iterable[str] | str | None) -> Ladder:
    """The ladder with some of its rungs, by experiment or the last part of its name.

    Raises:
        ConfigError: for a rung that the ladder does not have.
    """
    if wanted is None or isinstance(wanted, Mapping):
        return ladder
    names = [str(name) for name in ([wanted] if isinstance(wanted, str) else wanted)]
    known = {rung.experiment: rung for rung in ladder.rungs}
    known |= {rung.short: rung for rung in ladder.rungs}
    for name in names:
        if name not in known:
            raise ConfigError(f"rungs: ladder {ladder.name} has no {name!r}.{nearest(name, known)}")
    chosen = [known[name] for name in names]
    return replace(ladder, rungs=[rung for rung in ladder.rungs if rung in chosen])
