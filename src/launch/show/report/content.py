"""What the page knows: everything in one mapping that becomes JSON. Imports no torch."""

import glob
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from launch.record.history import seconds
from launch.record.origin import now
from launch.show.report import compare, pictures
from launch.show.report.read import Notes, Reader, RunData, Series, find
from launch.show.told import baseline

POINTS = 300_000  # of all curves of a page together
POINTS_OF_A_CURVE = (40, 500)  # at least, at most
SHOWN = (
    *("experiment", "rung", "task", "scale", "seed", "iteration", "error", "command"),
    *("overrides", "started", "ended", "git", "versions", "data", "gate", "best", "rungs"),
)

Content = dict[str, Any]


def content(pattern: str, reader: Reader | None = None) -> Content:
    """All runs at or below what a glob matches; no runs is an empty page's content.

    Args:
        reader: one that remembers what has not changed, where the content is asked for again.
    """
    reader = reader or Reader()
    notes = Notes()
    folders = find(map(Path, sorted(glob.glob(pattern, recursive=True))), notes)
    read = [run for run in (reader.read(folder, notes) for folder in folders) if run]
    runs = sorted(without_containers(read), key=lambda run: str(run.record.get("started") or ""))
    columns = compare.varied(runs)
    known = {run.folder.resolve(): str(run.folder) for run in runs}
    grouped = compare.groups(runs)
    common = os.path.commonpath([r.folder for r in runs]) if len(runs) > 1 else ""
    curves = sum(len(run.series) for run in runs)
    most = min(max(POINTS // max(curves, 1), POINTS_OF_A_CURVE[0]), POINTS_OF_A_CURVE[1])
    return {
        "title": pattern,
        "written": now(),
        "columns": columns,
        "runs": [
            entry(run, common, most)
            | {"settings": settings(run, columns), "parents": parents(run, known)}
            for run in runs
        ],
        "groups": [{"members": m, "metrics": compare.summary(runs, m)} for m in grouped],
        "verdicts": compare.verdicts(runs, grouped),
        "containers": [
            {"folder": str(run.folder), "gate": run.record.get("gate")}
            for run in read
            if run.record.get("rungs")
        ],
        "ladders": ladders(pattern, notes),
        "searches": searches(pattern, notes),
        "notes": notes.found,
    }


def panels(found: Content) -> list[pictures.Pictures]:
    """The pictures of each run; what cannot be read is added to the notes."""
    notes = Notes(found["notes"])
    budget = min(pictures.PAGE_BYTES // max(1, len(found["runs"])), pictures.RUN_BYTES)
    return [pictures.of_run(Path(run["folder"]), budget, notes) for run in found["runs"]]


def without_containers(runs: Sequence[RunData]) -> list[RunData]:
    """Without the folders of whole experiments whose rungs are runs of their own."""
    folders = {run.folder for run in runs}
    return [
        run
        for run in runs
        if not any(run.folder / str(rung) in folders for rung in run.record.get("rungs") or [])
    ]


def entry(run: RunData, common: str, most: int) -> Content:
    """One run."""
    record = {key: run.record[key] for key in SHOWN if run.record.get(key) not in (None, [], {})}
    metric, mode = run.main_metric or (None, None)
    return {
        "name": os.path.relpath(run.folder, common) if common else run.folder.name,
        "folder": str(run.folder),
        "status": run.status,
        "record": record,
        "seconds": seconds(run.record),
        "main": metric,
        "mode": mode,
        "baseline": baseline(metric, run.metrics) if metric else None,
        "metrics": run.metrics,
        "config": run.config,
        "series": {name: fewer(series, most) for name, series in run.series.items()},
        "schedule": run.schedule,
        "events": run.events,
        "length": length(run),
    }


def settings(run: RunData, columns: Sequence[str]) -> str:
    """What sets a run apart from the others, in a few words: `lr=0.001 width=32`."""
    shown = [key for key in columns if key in run.config][:4]
    return " ".join(f"{key.rpartition('.')[2]}={brief(run.config[key])}" for key in shown)


def brief(text: str, most: int = 16) -> str:
    """A value to tell runs apart by: numbers rounded, of what is long its end."""
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text if len(text) <= most else f"…{text[1 - most :]}"


def parents(run: RunData, known: Mapping[Path, str]) -> list[str]:
    """Folders of the runs that it started from, as the page names them where it has them."""
    found = run.record.get("parents") or []
    folders = [Path(str(p["folder"])) for p in found if isinstance(p, Mapping) and "folder" in p]
    return [known.get(folder.resolve(), str(folder)) for folder in folders]


def length(run: RunData) -> int | None:
    """Iterations that the run will have, where its configuration says so."""
    text = run.config.get("trainer.max_iterations", "")
    return int(text) if text.isdigit() else None


def fewer(series: Series, most: int) -> Series:
    """A curve of at most about `most` points that keeps the highest and lowest of each stretch."""
    xs, ys = series
    if len(xs) <= most:
        return series
    size = math.ceil(2 * len(xs) / most)
    kept = {len(xs) - 1}
    for first in range(0, len(xs), size):
        stretch = range(first, min(first + size, len(xs)))
        known = [(y, i) for i in stretch if (y := ys[i]) is not None]
        kept |= {pick(known)[1] for pick in (min, max) if known}
    return [xs[i] for i in sorted(kept)], [ys[i] for i in sorted(kept)]


def ladders(pattern: str, notes: Notes) -> list[Content]:
    """Name, status and folder of every ladder in or around what a glob matches."""
    found: dict[Path, Content] = {}
    for path in named(pattern, "ladder.json"):
        record = notes.attempt(path, lambda p=path: json.loads(p.read_text()), {})
        if isinstance(record, dict) and record:
            known = {key: record.get(key) for key in ("name", "status")}
            found[path.parent] = known | {"folder": str(path.parent)}
    return list(found.values())


def searches(pattern: str, notes: Notes) -> list[Content]:
    """Every search: its page, and the picture of its history and of what matters."""
    found: dict[Path, Content] = {}
    for path in named(pattern, "search.md"):
        picture = path.with_suffix(".png")
        drawn = notes.attempt(picture, lambda p=picture: pictures.whole(p), None)
        text = notes.attempt(path, path.read_text, "")
        found[path.parent] = {"folder": str(path.parent), "text": text, "picture": drawn}
    return list(found.values())


def named(pattern: str, name: str) -> Iterator[Path]:
    """Files of that name at or below what a glob matches."""
    for match in map(Path, glob.glob(pattern, recursive=True)):
        yield from sorted(match.rglob(name)) if match.is_dir() else ()


# JSON


def encoded(value: Any) -> str:
    """JSON that can stand in a script element; numbers to six digits, NaN and inf as text."""
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), default=str).replace(
        "<", "\\u003c"
    )


def plain(value: Any) -> Any:
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, Mapping):
        return {str(key): plain(child) for key, child in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(child) for child in value]
    return value


def finite(value: float) -> float | int | str:
    if not math.isfinite(value):
        return str(value)
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
