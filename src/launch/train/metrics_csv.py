"""`metrics.csv`: one row per logged iteration, one column per quantity."""

import csv
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from launch.record import storage


class MetricsCSV(Logger):
    """Appends rows and keeps none but the last; a new quantity rewrites the file once.

    What is logged for one iteration in several calls is one row. After a resume the rows beyond
    the resumed iteration are dropped, so that a killed run leaves the same file as an undisturbed
    one: a checkpoint is written after the validation of its iteration, and after `save`.

    Attributes:
        columns: of the file.
        pending: the row that is being collected.
        last: the row that was written last, which may still grow.
        end: where it begins, in bytes.
    """

    def __init__(self, path: Path, resume_at: int = 0) -> None:
        super().__init__()
        self.path = path
        self.columns = ["iteration"]
        self.pending: dict[str, Any] = {}
        self.last: dict[str, Any] = {}
        self.end = 0
        for row in rows(path):
            if int(row["iteration"]) <= resume_at:
                self.columns += [key for key in row if key not in self.columns]
        self._rewrite(resume_at)

    @property
    def name(self) -> str:
        return "metrics"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration is in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self.pending.get("iteration") != step:
            self.save()
            self.pending = {"iteration": step}
        self.pending |= metrics

    @rank_zero_only
    def save(self) -> None:
        """Write the row that is being collected, in the place of the last one if it goes on."""
        if not self.pending:
            return
        row, self.pending = self.pending, {}
        replaces = bool(self.last) and int(self.last["iteration"]) == row["iteration"]
        new = [key for key in row if key not in self.columns]
        if new:
            self.columns += new
            self._rewrite()
        with self.path.open("r+", newline="") as file:
            end = file.seek(0, os.SEEK_END)
            self.end = file.seek(self.end if replaces else end)
            self.last = self.last | row if replaces else row
            csv.DictWriter(file, self.columns).writerow(self.last)
            file.truncate()

    def finalize(self, status: str) -> None:
        self.save()

    @rank_zero_only
    def _rewrite(self, until: float = math.inf) -> None:
        """The same rows below the present columns, one at a time, up to an iteration."""
        with storage.replacing(self.path, "w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            for row in rows(self.path):
                if int(row["iteration"]) <= until:
                    self.last, self.end = row, file.tell()
                    writer.writerow(row)


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a `metrics.csv` one by one, without empty cells and a half-written last line."""
    if path.is_file():
        with path.open(newline="") as file:
            whole = (line for line in file if line.endswith("\n"))
            for row in csv.DictReader(whole):
                if (row.get("iteration") or "").isdigit():  # else it is damaged
                    yield {key: value for key, value in row.items() if key and value}


def read(path: Path) -> list[dict[str, str]]:
    """All rows of a `metrics.csv`."""
    return list(rows(path))
