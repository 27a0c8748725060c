"""What a sweep has found: a table to read, means over seeds, `sweep.csv`. No torch."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from launch.record import storage
from launch.record.run import Run
from launch.sweep.folder import Sweep, SweptJob, apart, names, totals
from launch.tools.columns import columns
from launch.tools.intervals import estimate

SEED = "seed="


@dataclass(frozen=True)
class Results:
    """The jobs of a sweep with what their runs have recorded."""

    sweep: Sweep
    jobs: list[SweptJob]

    @classmethod
    def of(cls, folder: Path) -> "Results":
        sweep = Sweep(folder)
        return cls(sweep, sweep.jobs)

    @cached_property
    def runs(self) -> list[Run]:
        return [self.sweep.run(job) for job in self.jobs]

    @cached_property
    def statuses(self) -> list[str]:
        return list(self.sweep.statuses().values())

    def text(self) -> str:
        """A line per job, means over seeds where there are several, and every error whole."""
        parts = [columns([*self.lines()]), *self.of_seeds(), *self.errors()]
        return "\n\n".join([*parts, totals(self.statuses)])

    def lines(self) -> Iterator[tuple[str, ...]]:
        yield "job", "status", "metric", "folder"
        for name, status, run in zip(names(self.jobs), self.statuses, self.runs, strict=True):
            metric, value = run.main_metric
            yield name, status, f"{metric} {value:.4g}" if metric else "-", str(run.folder)

    def errors(self) -> Iterator[str]:
        for name, run in zip(names(self.jobs), self.runs, strict=True):
            if run.record.get("error"):
                yield f"{name} ({run.record['status']}): {run.record['error']}"

    def of_seeds(self) -> Iterator[str]:
        """Mean and 95 % interval of the main metric over the seeds of each setting."""
        groups: dict[str, list[float]] = {}
        metric, parts = None, apart([job.overrides for job in self.jobs])
        for part, run in zip(parts, self.runs, strict=True):
            found, value = run.main_metric
            if found:
                metric = found
                setting = " ".join(o for o in part if not o.startswith(SEED)) or "all"
                groups.setdefault(setting, []).append(value)
        seeded = any(o.startswith(SEED) for part in parts for o in part)
        if metric and seeded and any(len(values) > 1 for values in groups.values()):
            rows = [("setting", f"mean {metric}", "95 % interval", "seeds")]
            yield columns([*rows, *(over_seeds(*group) for group in groups.items())])

    def write_csv(self) -> Path:
        """Write `sweep.csv`: a row per job, a column per swept key and per metric."""
        parts = [dict(o.lstrip("+").split("=", 1) for o in part if "=" in o)
                 for part in apart([job.overrides for job in self.jobs])]  # fmt: skip
        rows = [
            {"job": job.place, **part, "status": status, **recorded(run), "folder": run.folder}
            for job, part, status, run in zip(
                self.jobs, parts, self.statuses, self.runs, strict=True
            )
        ]
        path = self.sweep.folder / "sweep.csv"
        heading = list(dict.fromkeys(key for row in rows for key in row if key != "folder"))
        with storage.replacing(path, "w", newline="") as file:
            writer = csv.DictWriter(file, [*heading, "folder"])
            writer.writeheader()
            writer.writerows(rows)
        return path


def recorded(run: Run) -> dict[str, Any]:
    """Of a run, what a table wants to know."""
    record = run.record
    found = {key: record.get(key) for key in ("started", "ended", "iteration")}
    return found | run.all_metrics


def over_seeds(setting: str, values: Sequence[float]) -> tuple[str, ...]:
    found = estimate(values)
    assert found is not None
    interval = " to ".join(f"{end:.4g}" for end in found.interval or ()) or "-"
    return setting, f"{found.mean:.4g}", interval, str(found.count)
