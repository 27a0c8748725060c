"""What all clips of smoke share as training data, and how they are shown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from launch.experiments.smoke.windows import Windows
from launch.tools import contact_sheet
from launch.train.data import ScheduledDataModule

NOTED_AT_MOST = 20


class SmokeData(ScheduledDataModule):
    """What all kinds of clips share.

    Args:
        frames: frames of a window; 1 for the autoencoder, at least 3 for a flow.
        validation_batch: windows validated on at once.
    """

    def __init__(
        self, frames: int, batch_size: int, workers: int, flip: bool, validation_batch: int
    ) -> None:
        super().__init__(batch_size, workers)
        self.frames, self.flip, self.validation_batch = frames, flip, validation_batch
        self.notes: list[str] = []

    def val_dataloader(self) -> DataLoader[Any]:
        assert self.validation_set is not None
        return DataLoader(self.validation_set, batch_size=self.validation_batch, num_workers=0)

    def inspect(self, folder: Path) -> list[str]:
        """What there is to train and validate on, a line each.

        Args:
            folder: gets a contact sheet per part, with a histogram below every clip's middle frame.
        """
        self.setup("fit")
        lines = []
        for part, windows in (("train", self.train_set), ("validation", self.validation_set)):
            assert isinstance(windows, Windows)
            count, length = len(windows.sources), len(windows.sources[0])
            lines.append(f"{part}: {count} clips of {length} frames, made by the program")
            draw(folder / f"{part}.png", [(str(n), f) for n, f in enumerate(windows.sources)])
        return lines

    def report(self) -> dict[str, Any]:
        sets = {"train": self.train_set, "validation": self.validation_set}
        counts = {f"{k}_windows": len(v) for k, v in sets.items() if v is not None}  # type: ignore[arg-type]
        return {**counts, "notes": self.notes[:NOTED_AT_MOST], "noted": len(self.notes)}


def draw(path: Path, named: Sequence[tuple[str, np.ndarray]]) -> None:
    """A contact sheet of the middle frames of clips (T, 1 or 3, S, S)."""
    middle = [(name, frames[len(frames) // 2]) for name, frames in named[: contact_sheet.AT_MOST]]
    shown = [(n, np.broadcast_to(f.transpose(1, 2, 0), (*f.shape[1:], 3))) for n, f in middle]
    contact_sheet.write(path, shown)
