"""What a run has left in its folder, read without torch."""

import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from launch.record.run import Run


def jobs_of(run: Run) -> dict[str, Run]:
    """The runs that trained: one for each rung of the experiment, or itself under ""."""
    return {name: Run(run.folder / name) for name in run.record.get("rungs") or []} or {"": run}


def validations(run: Run) -> list[dict[str, float]]:
    """The metrics of every validation, from the first to the last."""
    names = {**run.record.get("metrics", {}), **run.record.get("training_metrics", {})}
    found = logged(run.folder / "metrics.csv")
    rows = [{n: float(v) for n, v in row.items() if n in names} for row in found]
    return [row for row in rows if row]


def at_best(run: Run) -> dict[str, float]:
    """The metrics of the best checkpoint, from which later rungs start; else the last ones."""
    best = run.record.get("best") or {}
    return dict(best.get("metrics") or run.record.get("metrics", {}))


def seconds(record: Mapping[str, Any]) -> float | None:
    """From start to end, pauses of an interrupted run included; None while it has no end."""
    try:
        ended, started = (datetime.fromisoformat(record[key]) for key in ("ended", "started"))
    except (KeyError, TypeError, ValueError):
        return None
    return (ended - started).total_seconds()


def logged(path: Path) -> list[dict[str, str]]:
    """Rows of a `metrics.csv` without empty cells and without a half-written last line."""
    if not path.is_file():
        return []
    whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [{k: v for k, v in row.items() if k and v} for row in csv.DictReader(whole)]
