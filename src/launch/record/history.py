"""What the validations of a finished run have left, read without torch."""

import csv

from launch.record.run import Run


def jobs_of(run: Run) -> dict[str, Run]:
    """The runs that trained: one for each rung of the experiment, or itself under ""."""
    return {name: Run(run.folder / name) for name in run.record.get("rungs") or []} or {"": run}


def validations(run: Run) -> list[dict[str, float]]:
    """The metrics of every validation, from the first to the last."""
    return [row for _, row in _rows(run)]


def at_best(run: Run) -> dict[str, float]:
    """The metrics of the best checkpoint, from which later rungs start; else the last ones."""
    best = (run.record.get("best") or {}).get("iteration")
    return dict(_rows(run)).get(best or -1) or dict(run.record.get("metrics", {}))


def _rows(run: Run) -> list[tuple[int, dict[str, float]]]:
    """Iteration and metrics of every validation; other rows of `metrics.csv` have none."""
    path = run.folder / "metrics.csv"
    if not path.is_file():
        return []
    names = run.record.get("metrics", {})
    with path.open(newline="") as file:
        logged = list(csv.DictReader(file))
    rows = [
        (int(row["iteration"]), {n: float(v) for n, v in row.items() if v and n in names})
        for row in logged
    ]
    return [(iteration, row) for iteration, row in rows if row]
