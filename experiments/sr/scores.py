"""What a validation found, picture by picture and set by set."""

import csv
from pathlib import Path

import numpy as np

from launch.record import storage

TABLE = "validation.csv"


class Scores:
    """The metrics of every picture of one validation."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, dict[str, float]]] = []

    def add(self, part: str, picture: str, metrics: dict[str, float]) -> None:
        """One picture of a validation set, "" where sets have no names."""
        self.rows.append((part, picture, metrics))

    def means(self) -> dict[str, float]:
        """Every metric over all pictures, and of several sets `SET/metric` over each."""
        sets = {part: [m for p, _, m in self.rows if p == part] for part, _, _ in self.rows}
        found = mean([metrics for _, _, metrics in self.rows])
        if len(sets) > 1:
            for part, metrics in sets.items():
                found |= {f"{part}/{name}": value for name, value in mean(metrics).items()}
        return found

    def write(self, folder: Path) -> None:
        """The table of the latest validation, a line per picture."""
        names = self.rows[0][2]
        with storage.replacing(folder / TABLE, "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["set", "picture", *names])
            table.writerows(
                [part, picture, *metrics.values()] for part, picture, metrics in self.rows
            )


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
