"""The CSV with a row per epoch, in the columns that existing notebooks read."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from launch.errors import ConfigError

TERMS = ("full", "consist", "drop", "sparse", "tv")
COLUMNS = (
    "epoch", "steps", "loss", *(f"loss_{term}" for term in TERMS), "loss_volume",
    *(f"w_{term}" for term in TERMS), "mask_mean", "mask_tv",
    "temperature", "mask_coverage", "val_auroc", "val_f1", "loss_keep",
)  # fmt: skip
VALIDATED = {"val_auroc": "auroc_macro", "val_f1": "f1_macro"}


class TrainingLog:
    """Means over the batches of each epoch; 0 where a recipe has no such quantity.

    A row is written when the batch after its epoch starts, so that it has the validation that was
    due in between. After a resume the rows of later epochs are dropped.

    Args:
        state: what a checkpoint kept of the epoch that it interrupted.

    Raises:
        ConfigError: if the file has other columns.
    """

    def __init__(self, path: Path, state: Mapping[str, Any]) -> None:
        self.path = path
        self.sums: dict[str, Tensor | float] = dict(state.get("sums", {}))
        self.steps: int = state.get("steps", 0)
        self.pending: dict[str, float] = dict(state.get("pending", {}))
        self._open(state.get("epochs", 0))

    def _open(self, epochs: int) -> None:
        self.epochs = epochs
        rows: list[dict[str, str]] = []
        if self.path.is_file():
            with self.path.open(newline="") as file:
                reader = csv.DictReader(file)
                if tuple(reader.fieldnames or ()) != COLUMNS:
                    raise ConfigError(
                        f"{self.path} has other columns ({', '.join(reader.fieldnames or ())}); "
                        "move it away or give another log_csv"
                    )
                rows = [row for row in reader if int(row["epoch"]) <= epochs]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

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
        for name in ("mask_mean", "mask_tv", "temperature", "mask_coverage"):
            self._sum(name, records.get(name, 0.0))

    def _sum(self, name: str, value: Tensor | float) -> None:
        detached = value.detach() if isinstance(value, Tensor) else value
        self.sums[name] = self.sums.get(name, 0.0) + detached

    def end_epoch(self, epoch: int) -> None:
        means = {k: float(v) / self.steps for k, v in self.sums.items() if k in COLUMNS}
        self.pending = {"epoch": epoch, "steps": self.steps, **means}
        self.sums, self.steps = {}, 0

    def flush(self, metrics: Mapping[str, float]) -> None:
        """Write the row of the latest epoch, if it is still to be written, and print it."""
        if not self.pending:
            return
        validated = {column: metrics.get(name, 0.0) for column, name in VALIDATED.items()}
        row = dict.fromkeys(COLUMNS, 0.0) | self.pending | validated
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        shown = ("loss", "mask_mean", "mask_coverage", "temperature", *VALIDATED)
        values = "  ".join(f"{name} {row[name]:.4g}" for name in shown if row[name])
        print(f"epoch {row['epoch']}  {values}", flush=True)
        self.epochs, self.pending = int(row["epoch"]), {}

    def state(self) -> dict[str, Any]:
        """For the checkpoint, in plain containers."""
        return {
            "sums": {k: float(v) for k, v in self.sums.items()},
            "steps": self.steps,
            "pending": self.pending,
            "epochs": self.epochs,
        }
