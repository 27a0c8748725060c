"""A study: arms x seeds of one claim, as the jobs of a Hydra sweep. Imports no torch."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from pydantic import Field, NonNegativeInt, TypeAdapter, ValidationError

from launch.composition.typed import as_value, last_wins, normalised
from launch.errors import ConfigError, nearest

Overrides = dict[str, list[str]]


@dataclass(frozen=True)
class Job:
    """One run of a study; the condition is "" in a study that has none."""

    condition: str
    arm: str
    seed: int

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.condition, self.arm, f"seed {self.seed}")))

    @property
    def place(self) -> Path:
        """Where the run lies in the folder of the study."""
        return Path(self.condition, self.arm, f"seed_{self.seed}")


@dataclass(frozen=True)
class Study:
    """What a `study:` section says.

    Attributes:
        arms: what is compared: label, which names a folder, and overrides as one would type them.
        conditions: where it is compared, such as two kinds of data: label and overrides. Each arm
            runs in each, and the tables keep them apart.
        seeds: each arm runs once with each seed.
        metrics: names in `run.json` that are compared.
        reference: the arm from which the others are subtracted, seed by seed.
        baseline: metric -> a metric of the same runs to hold it against, such as that of bicubic.
        shared: overrides of every run; an arm's own win over them.
        typed: what was typed beside `+study=`; it wins over all others.
    """

    name: str
    arms: Annotated[Overrides, Field(min_length=1)]
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1)]
    metrics: Annotated[list[str], Field(min_length=1)]
    reference: str
    conditions: Overrides = field(default_factory=dict)
    baseline: dict[str, str] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)

    def overrides(self, job: Job) -> list[str]:
        """What a run is started with; of two for one key the later wins."""
        chosen = [*self.arms[job.arm], *self.conditions.get(job.condition, [])]
        listed = [*self.shared, *chosen, *self.typed, f"seed={job.seed}"]
        return last_wins(map(normalised, listed))

    @property
    def places(self) -> list[str]:
        """Labels of the conditions, [""] if there are none."""
        return list(self.conditions) or [""]

    def jobs(self) -> Iterator[Job]:
        yield from (Job(*chosen) for chosen in product(self.places, self.arms, self.seeds))


def read(config: DictConfig | Mapping[str, Any]) -> Study:
    """The study of a `study:` section.

    Raises:
        ConfigError: for everything that is missing, unknown or contradictory.
    """
    plain: Any = OmegaConf.to_container(config) if isinstance(config, DictConfig) else dict(config)
    known = [f.name for f in fields(Study)]
    problems = [f"there is no {key!r}.{nearest(key, known)}" for key in plain.keys() - set(known)]
    try:
        study = TypeAdapter(Study).validate_python(plain)
    except ValidationError as error:
        problems += [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    else:
        problems += contradictions(study)
    if problems:
        raise ConfigError("\n".join(f"study: {problem}" for problem in problems))
    return study


def contradictions(study: Study) -> Iterator[str]:
    """Rules between several keys."""
    if study.reference not in study.arms:
        yield f"reference {study.reference!r} is no arm.{nearest(study.reference, study.arms)}"
    for label in (*study.arms, *study.conditions):
        if not re.fullmatch(r"[A-Za-z][\w-]*", label):
            yield f"{label!r}: a label is made of letters, digits, _ and -"
    if len(set(study.seeds)) < len(study.seeds):
        yield f"a seed is listed twice: {study.seeds}"
    for metric in study.baseline.keys() - set(study.metrics):
        yield f"baseline of {metric!r}, which is not in metrics {study.metrics}"


# Before the jobs


def listed(config: DictConfig, typed: list[str]) -> list[list[str]]:
    """The overrides of every job, with the place of each below the folder of the study.

    Raises:
        ConfigError: for everything that is wrong with the study.
    """
    study = read(config)
    study = replace(study, typed=[*study.typed, *typed])
    return [
        [*study.overrides(job), f"hydra.sweep.subdir={as_value(job.place)}"] for job in study.jobs()
    ]
