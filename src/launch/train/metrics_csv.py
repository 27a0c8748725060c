"""`metrics.csv`: one row per logged iteration, one column per quantity."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only


class MetricsCSV(Logger):
    """Appends rows; a new quantity adds a column and rewrites the file once.

    What is logged for one iteration in several calls is one row. After a resume the rows beyond
    the resumed iteration are dropped, so that a killed run leaves the same file as an undisturbed
    one: a checkpoint is written after the validation of its iteration, and after `save`.
    """

    def __init__(self, path: Path, resume_at: int = 0) -> None:
        super().__init__()
        self.path = path
        self.rows = [row for row in read(path) if int(row["iteration"]) <= resume_at]
        self.columns = list(
            dict.fromkeys(["iteration", *(key for row in self.rows for key in row)])
        )
        self.pending: dict[str, Any] = {}
        self.replaced = False
        self._rewrite()

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
            self.replaced = bool(self.rows) and int(self.rows[-1]["iteration"]) == step
            self.pending = self.rows.pop() if self.replaced else {"iteration": step}
        self.pending |= metrics

    @rank_zero_only
    def save(self) -> None:
        """Write the row that is being collected."""
        if not self.pending:
            return
        self.rows.append(self.pending)
        row, self.pending = self.pending, {}
        new = [key for key in row if key not in self.columns]
        self.columns += new
        if new or self.replaced:
            self._rewrite()
        else:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self.columns).writerow(row)

    def finalize(self, status: str) -> None:
        self.save()

    @rank_zero_only
    def _rewrite(self) -> None:
        partial = self.path.with_suffix(".partial")
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(self.rows)
        partial.replace(self.path)


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a `metrics.csv`, without empty cells and a half-written last line."""
    if not path.is_file():
        return []
    whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [{k: v for k, v in row.items() if v} for row in csv.DictReader(whole)]
