"""A study: arms x seeds of one claim, as a multirun of any Hydra launcher. Imports no torch."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field, NonNegativeInt, TypeAdapter, ValidationError

from launch import child, jobs
from launch.composition.explain import explain
from launch.errors import ConfigError, LaunchError, nearest
from launch.record.run import Run

OWN = re.compile(r"[+~]*(study|hydra)\b")
JOB_KEYS = ("condition", "arm", "seed")
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
        return [*self.shared, *chosen, *self.typed, f"seed={job.seed}"]

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
    content = {key: value for key, value in plain.items() if key not in JOB_KEYS}
    known = [f.name for f in fields(Study)]
    problems = [f"there is no {key!r}.{nearest(key, known)}" for key in content.keys() - set(known)]
    try:
        study = TypeAdapter(Study).validate_python(content)
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


def split(overrides: Iterable[str]) -> tuple[list[str], list[str]]:
    """Overrides of the study and of Hydra, and those that every arm gets; `run_dir=` is neither."""
    typed = [o for o in overrides if not o.startswith("run_dir=")]
    return [o for o in typed if OWN.match(o)], [o for o in typed if not OWN.match(o)]


def multirun(config: DictConfig, typed: list[str], folder: Path) -> list[str]:
    """Arguments that make Hydra run every arm with every seed, each in its own folder.

    Raises:
        ConfigError: if the study or an arm cannot run, or if the folder holds runs of other
            settings; before any job has started.
    """
    study = replace(read(config), typed=typed)
    problems = [*impossible(study, folder)] or [*foreign(study, folder)]
    if problems:
        raise ConfigError("\n".join(problems))
    axes = {"condition": map(quoted, study.conditions), "arm": map(quoted, study.arms)}
    chosen = {key: ",".join(labels) for key, labels in axes.items()}
    subfolder = "/".join(["${study.condition}"] * bool(study.conditions) + ["${study.arm}"])
    return [
        *(f"++study.{key}={labels}" for key, labels in chosen.items() if labels),
        f"++study.seed={','.join(map(str, study.seeds))}",
        f"++study.typed=[{','.join(map(quoted, typed))}]",
        f"hydra.sweep.dir={path(folder)}",
        f"hydra.sweep.subdir={subfolder}/seed_${{study.seed}}",
        "hydra.output_subdir=null",
    ]


def quoted(text: str) -> str:
    """A string in Hydra's grammar, whatever it holds."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def path(folder: Path) -> str:
    """A path in Hydra's grammar, quoted only where it must be."""
    return str(folder) if re.fullmatch(r"[\w./-]+", str(folder)) else quoted(str(folder))


def impossible(study: Study, folder: Path) -> Iterator[str]:
    """What is wrong with the configuration of an arm, in any condition."""
    for job in (job for job in study.jobs() if job.seed == study.seeds[0]):
        overrides = study.overrides(job)
        where = ", ".join(filter(None, (job.condition, job.arm)))
        try:
            jobs.composed(overrides, folder / job.place)
        except (HydraException, OmegaConfBaseException) as error:
            yield f"{where}: {explain(error, overrides).message}"
        except LaunchError as error:
            yield f"{where}: {error.message}"


def foreign(study: Study, folder: Path) -> Iterator[str]:
    """Runs in the folder that were made with other settings, which a table must not mix."""
    for job in study.jobs():
        run = Run(folder / job.place)
        made = {o for o in run.record.get("overrides", []) if not o.startswith("run_dir=")}
        wanted = set(study.overrides(job))
        if made != wanted and (run.status == "completed" or run.last.is_file()):
            instead = " ".join(sorted(wanted - made)) or "nothing"
            yield (
                f"{run.folder} was made with {' '.join(sorted(made - wanted)) or 'nothing'} "
                f"where the study now has {instead}; delete it or choose another run_dir"
            )


# One job


def run_job(config: DictConfig, folder: Path) -> float:
    """Do one job, unless it is completed already; an interrupted run is continued.

    Returns:
        The first metric of the study, NaN if the run did not complete.
    """
    study, run = read(config), Run(folder)
    job = Job(config.get("condition", ""), config.arm, int(config.seed))
    print(f"\nstudy {study.name}: {job}", flush=True)
    if run.status == "running":
        print(f"another process is at work in {folder}")
    elif run.status == "completed":
        print(f"{folder} is completed already")
    elif run.last.is_file():
        launch([f"resume={folder}"])
    else:
        launch([*study.overrides(job), f"run_dir={path(folder)}"])
    if run.status != "completed":
        return math.nan
    return float(run.record["metrics"].get(study.metrics[0], math.nan))


def launch(arguments: list[str]) -> None:
    """Run a child `python -m launch` to its end.

    Raises:
        SystemExit: with code 143 if this process is told to stop; the child has left a checkpoint.
    """
    try:
        child.launch(arguments)
    except child.StoppedError:
        print("the study has stopped; the same command continues it", flush=True)
        raise SystemExit(143) from None


# After the jobs


def conclude(config: DictConfig, folder: Path) -> int:
    """Write and print the tables of a study; returns 1 if a job is missing or failed, else 0."""
    from launch import study_picture, study_table  # noqa: PLC0415 - plotting is slow to import

    study = read(config)
    text = study_table.table(folder, study)
    (folder / "study.md").write_text(text)
    study_table.write_csv(folder, study)
    study_picture.draw(folder, study)
    print(f"\n{text}\npicture: {folder / 'study.png'}\ntable: {folder / 'study.md'}")
    statuses = {Run(folder / job.place).status for job in study.jobs()}
    return int(statuses != {"completed"})
