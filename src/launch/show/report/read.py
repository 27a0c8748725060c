"""Run folders as plain data, whatever state they are in. Imports no torch."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from launch.record import history
from launch.record.run import Run, all_metrics
from launch.show.events import events
from launch.show.planned import Facts, collect

PLACES = (
    *("run_dir", "runs", "hydra", "logger", "debug", "plan", "resume", "needs"),
    *("input", "output", "task", "scale"),
)
"""Sections that cannot change what is trained, or that the page shows from `run.json`."""
SEED = "seed"
SCHEDULE_POINTS = 60
KINDS: dict[str, type] = {
    **dict.fromkeys(
        ("metrics", "metrics_of_rungs", "data", "gate", "git", "versions", "main_metric", "best"),
        dict,
    ),
    **dict.fromkeys(("parents", "rungs", "overrides"), list),
}
"""What `run.json` holds under a key, if anything."""

Series = tuple[list[float], list[float | None]]
T = TypeVar("T")


@dataclass
class Notes:
    """What could not be read, and why; the page says it and shows the rest."""

    found: list[dict[str, str]] = field(default_factory=list)

    def attempt(self, where: Path, read: Callable[[], T], instead: T) -> T:
        """What `read` returns, or a note and `instead`: one bad folder is not the end of a page."""
        try:
            return read()
        except Exception as error:
            text = " ".join(str(error).split())[:300]
            self.add(where, f"{type(error).__name__}: {text}")
            return instead

    def add(self, where: Path, what: str) -> None:
        self.found.append({"where": str(where), "what": what})


@dataclass
class RunData:
    """A run as the page shows it; empty where the folder says nothing.

    Attributes:
        record: of `run.json`.
        config: the settings that can change the result, by dotted key.
        series: what was logged, over the iteration.
        schedule: what was planned, over the iteration.
        events: iteration and sentence of every change of a schedule.
    """

    folder: Path
    record: dict[str, Any]
    status: str
    metrics: dict[str, float] = field(default_factory=dict)
    config: dict[str, str] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    schedule: dict[str, Series] = field(default_factory=dict)
    events: list[tuple[int, str]] = field(default_factory=list)

    @property
    def main_metric(self) -> tuple[str, str] | None:
        """Name and mode, `min` or `max`."""
        named = self.record.get("main_metric")
        if not isinstance(named, Mapping) or not named.get("name"):
            return None
        return str(named["name"]), "min" if named.get("mode") == "min" else "max"

    @property
    def main_value(self) -> float | None:
        """The main metric of the last validation, if it is a number."""
        value = self.metrics.get(self.main_metric[0]) if self.main_metric else None
        return value if value is not None and math.isfinite(value) else None

    @property
    def kind(self) -> tuple[str, ...]:
        """Experiment, rung and task: what is trained, apart from its settings."""
        return tuple(str(self.record.get(key) or "") for key in ("experiment", "rung", "task"))


def find(matches: Iterable[Path], notes: Notes) -> list[Path]:
    """Every folder with a `run.json` at or below the paths, each once."""
    found = {
        path.parent: None
        for match in matches
        if match.is_dir()
        for path in notes.attempt(match, lambda m=match: sorted(m.rglob("run.json")), [])
    }
    return list(found)


def read_run(folder: Path, notes: Notes) -> RunData | None:
    """A run folder; None, with a note, if its `run.json` cannot be read."""
    record = notes.attempt(folder, lambda: recorded(folder / "run.json"), None)
    if record is None:
        return None
    for key, kind in KINDS.items():
        if not isinstance(record.get(key), kind | None):
            notes.add(folder, f"run.json: {key} is {record.pop(key)!r}, not a {kind.__name__}")
    status = notes.attempt(folder, lambda: Run(folder).status, "missing")
    run = RunData(folder, record, status)
    run.metrics = notes.attempt(folder, lambda: numbers(all_metrics(record)), {})
    run.series = notes.attempt(folder, lambda: logged(folder / "metrics.csv"), {})
    config = notes.attempt(folder, lambda: configuration(folder), {})
    run.config = dict(flat(config, record.get("parents") or []))
    if config and not config.get("rungs") and record.get("task", "train") == "train":
        notes.attempt(folder, lambda: add_schedule(run, config), None)
    return run


def recorded(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise ValueError(f"run.json holds a {type(content).__name__} where a mapping belongs")
    return content


@dataclass
class Reader:
    """Reads run folders, and those that have not changed since only once."""

    known: dict[Path, tuple[Any, RunData | None, Notes]] = field(default_factory=dict)

    def read(self, folder: Path, notes: Notes) -> RunData | None:
        stamp = [changed(folder / name) for name in ("run.json", "config.yaml", "metrics.csv")]
        old, run, said = self.known.get(folder, (None, None, Notes()))
        if stamp != old:
            said = Notes()
            run = read_run(folder, said)
            self.known[folder] = stamp, run, said
        elif run is not None:
            run.status = notes.attempt(folder, lambda: Run(folder).status, "missing")
        notes.found += said.found
        return run


def changed(path: Path) -> tuple[int, int] | None:
    """Time of the last change and size; None if the file is not there."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if value is not None}


def configuration(folder: Path) -> dict[str, Any]:
    """`config.yaml`, by the fast reader where there is one."""
    path = folder / "config.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = yaml.load(path.read_text(), loader) if path.is_file() else {}
    if not isinstance(content, dict):
        raise ValueError("config.yaml holds no mapping")
    return content


def flat(value: Any, parents: Sequence[Any], key: str = "") -> Iterable[tuple[str, str]]:
    """Dotted keys and values as text, without places; a parent's checkpoint by its experiment."""
    if isinstance(value, Mapping) and value:
        for name, child in value.items():
            if key or name not in PLACES:
                yield from flat(child, parents, f"{key}.{name}" if key else str(name))
    elif isinstance(value, str):
        yield key, from_parent(value, parents)
    elif key:
        yield key, json.dumps(value, default=str)


def from_parent(value: str, parents: Sequence[Any]) -> str:
    folders = [str(parent.get("folder")) for parent in parents if isinstance(parent, Mapping)]
    inside = any(value.startswith(f"{folder}/") for folder in folders)
    return f"a parent's {Path(value).name}" if inside else value


def logged(path: Path) -> dict[str, Series]:
    """Every column of `metrics.csv`; what is not finite is a gap."""
    found: dict[str, Series] = {}
    for row in history.logged(path):
        at = float(row["iteration"])
        for name, text in row.items():
            if name != "iteration":
                value = float(text)
                xs, ys = found.setdefault(name, ([], []))
                xs.append(at)
                ys.append(value if math.isfinite(value) else None)
    return found


def add_schedule(run: RunData, config: dict[str, Any]) -> None:
    """Courses and events of everything that the configuration schedules."""
    per_epoch = updates_per_epoch(run.record, config)
    planned = collect(config, {"": Facts(per_epoch)})
    run.events = events(planned, per_epoch)
    for p in planned:
        scale = 1 if p.unit == "iteration" else per_epoch
        if scale and p.changes:
            xs = thinned(p.points(), SCHEDULE_POINTS, p.changes)
            run.schedule[p.key] = [x * scale for x in xs], [float(p.schedule(x)) for x in xs]


def updates_per_epoch(record: Mapping[str, Any], config: Mapping[str, Any]) -> float | None:
    """As the worker recorded it, or from the length of a finished run that is given in epochs."""
    if record.get("updates_per_epoch"):
        return float(record["updates_per_epoch"])
    trainer = config.get("trainer") or {}
    epochs, done = trainer.get("max_epochs"), record.get("iteration")
    finished = record.get("status") == "completed" and not trainer.get("max_iterations")
    return done / epochs if finished and epochs and done else None


def thinned(points: Sequence[int], count: int, kept: Iterable[int]) -> list[int]:
    """About `count` of the points, and those at and before a change."""
    stride = max(1, len(points) // count)
    changes = {place for change in kept for place in (change - 1, change)}
    return sorted({*points[::stride], points[-1], *(changes & set(points))})
