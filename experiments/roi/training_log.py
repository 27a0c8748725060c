"""The CSV with a row per epoch, in the columns that existing notebooks read."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from launch.errors import ConfigError
from launch.record import storage
from launch.tools.names import set_aside

TERMS = ("full", "consist", "drop", "sparse", "tv")
COLUMNS = (
    "epoch", "steps", "loss", *(f"loss_{term}" for term in TERMS), "loss_volume",
    *(f"w_{term}" for term in TERMS), "mask_mean", "mask_tv",
    "temperature", "mask_coverage", "val_auroc", "val_f1", "loss_keep",
)  # fmt: skip
RECORDED = ("mask_mean", "mask_tv", "temperature", "mask_coverage")
VALIDATED = {"val_auroc": "auroc_macro", "val_f1": "f1_macro"}


class TrainingLog:
    """Means over the batches of each epoch; empty where a recipe has no such quantity.

    A row is written when the batch after its epoch starts, so that it has the validation that was
    due in between. After a resume the rows of later epochs are dropped. A file that another run
    has written is renamed, never replaced.

    Args:
        state: what a checkpoint kept: the rows so far, and the epoch that it interrupted.

    Raises:
        ConfigError: if the file has other columns.
    """

    def __init__(self, path: Path, state: Mapping[str, Any]) -> None:
        self.path = path
        self.sums: dict[str, Tensor | float] = dict(state.get("sums", {}))
        self.steps: int = state.get("steps", 0)
        self.pending: dict[str, float] = dict(state.get("pending", {}))
        self.rows: list[list[str]] = [list(row) for row in state.get("rows", [])]
        self._open()

    def _open(self) -> None:
        present = self._present()
        if present and (not self.rows or present[: len(self.rows)] != self.rows):
            renamed = set_aside(self.path)
            rank_zero_warn(f"{self.path} is of another run; it was renamed to {renamed.name}")
        self._write()

    def _write(self) -> None:
        with storage.replacing(self.path, "w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *self.rows])

    def _present(self) -> list[list[str]]:
        """The rows of the file as it is, without its header."""
        if not self.path.is_file():
            return []
        with self.path.open(newline="") as file:
            header, *rows = [*csv.reader(file)] or [[]]
        if header and tuple(header) != COLUMNS:
            raise ConfigError(
                f"{self.path} has other columns ({', '.join(header)}); "
                "move it away or give another log_csv"
            )
        return rows

    def add(
        self, values: Mapping[str, Tensor], weights: Mapping[str, Any], records: Mapping[str, Any]
    ) -> None:
        """Count one batch: raw values and weights of the terms, and what the recipe recorded."""
        self.steps += 1
        total: Tensor | float = 0.0
        for name, value in values.items():
            self._sum(f"loss_{name}", value)
            total = total + weights[name] * value
            self._sum(f"w_{name}", weights[name])
        self._sum("loss", total)
        for name in RECORDED:
            if name in records:
                self._sum(name, records[name])

    def _sum(self, name: str, value: Tensor | float) -> None:
        detached = value.detach() if isinstance(value, Tensor) else value
        self.sums[name] = self.sums.get(name, 0.0) + detached

    def end_epoch(self, epoch: int) -> None:
        means = {k: float(v) / self.steps for k, v in self.sums.items() if k in COLUMNS}
        self.pending = {"epoch": epoch, "steps": self.steps, **means}
        self.sums, self.steps = {}, 0

    def flush(self, metrics: Mapping[str, float]) -> None:
        """Write the row of the latest epoch, if it is still to be written, and print it."""
        row = self._validated(metrics)
        if not row:
            return
        self.rows.append([str(row.get(column, "")) for column in COLUMNS])
        self._write()
        shown = ("loss", "mask_mean", "mask_coverage", "temperature", *VALIDATED)
        values = "  ".join(f"{name} {row[name]:.4g}" for name in shown if name in row)
        print(f"epoch {row['epoch']}  {values}", flush=True)
        self.pending = {}

    def _validated(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The row that is still to be written, with what the latest validation found; or none."""
        found = {c: metrics[name] for c, name in VALIDATED.items() if name in metrics}
        return self.pending | found if self.pending else {}

    def state(self, metrics: Mapping[str, float]) -> dict[str, Any]:
        """For the checkpoint, in plain containers; a resumed run has no metrics at first."""
        return {
            "sums": {k: float(v) for k, v in self.sums.items()},
            "steps": self.steps,
            "pending": self._validated(metrics),
            "rows": [list(row) for row in self.rows],
        }
