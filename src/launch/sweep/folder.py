"""The folder of a sweep: `sweep.json` says which jobs it has, their run folders how they do."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from launch.errors import ConfigError
from launch.record.run import Run, find_runs
from launch.record.storage import read_json

FILE = "sweep.json"
NEVER = "not started"


@dataclass(frozen=True)
class SweptJob:
    """One job of a sweep.

    Attributes:
        place: of its run folder below that of the sweep.
        overrides: what it is started with.
    """

    place: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Sweep:
    """A sweep as it stands."""

    folder: Path

    @property
    def jobs(self) -> list[SweptJob]:
        """In the order in which they are started; none if there is no sweep.

        Raises:
            ConfigError: if `sweep.json` is damaged, or of a version that wrote no places.
        """
        path = self.folder / FILE
        try:
            listed = read_json(path).get("jobs", [])
            return [SweptJob(job["place"], tuple(job["overrides"])) for job in listed]
        except (TypeError, KeyError) as error:
            raise ConfigError(f"{path} lists no jobs with places; move its folder away") from error

    def run(self, job: SweptJob) -> Run:
        return Run(self.folder / job.place)

    @property
    def is_completed(self) -> bool:
        return set(self.statuses().values()) == {"completed"}

    def statuses(self) -> dict[str, str]:
        """How every job does, by its place."""
        found = {job.place: self.run(job).status for job in self.jobs}
        return {place: NEVER if s == "missing" else s for place, s in found.items()}


def totals(statuses: Iterable[str]) -> str:
    """`6 jobs: 3 completed, 1 running, 2 not started`."""
    counts = Counter(statuses)
    parts = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return f"{counts.total()} job{'s' * (counts.total() != 1)}: {parts}"


def apart(texts: Sequence[Sequence[str]]) -> list[list[str]]:
    """The overrides of each job that not all of them share."""
    shared = set.intersection(*map(set, texts)) if len(texts) > 1 else set()
    return [[o for o in text if o not in shared] for text in texts]


def names(jobs: Sequence[SweptJob]) -> list[str]:
    """What tells each job from the others."""
    parts = apart([[o for o in job.overrides if not o.startswith("hydra.")] for job in jobs])
    return [" ".join(part) or job.place for job, part in zip(jobs, parts, strict=True)]


def latest(root: Path) -> Sweep | None:
    """The sweep below a folder that was written last."""
    found = sorted(root.rglob(FILE), key=lambda path: path.stat().st_mtime)
    return Sweep(found[-1].parent) if found else None


def at_work(folder: Path) -> list[Run]:
    """The runs at or below a folder that a process works on now."""
    return [run for run in find_runs(folder) if run.status in ("running", "waiting")]
