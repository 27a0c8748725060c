"""What all X-ray data have in common: the batch and its loaders."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.utils.data import DataLoader

from launch.tools import contact_sheet
from launch.train.data import ScheduledDataModule

Item = dict[str, Tensor]
"""`image` (1, S, S) normalised and `labels` (C,); for evaluation `regions` (1, S, S), true where a
finding was marked, and `distractors` (1, S, S), true where something is that means nothing."""

MEAN, DEVIATION = 0.449, 0.226  # of ImageNet, averaged over its channels: X-rays are grey
EVALUATION_BATCH = 50


def normalised(brightness: np.ndarray) -> np.ndarray:
    """Brightness in [0, 1] to what networks read; 0 is then ImageNet's mean grey."""
    return ((brightness - MEAN) / DEVIATION).astype(np.float32)


def brightness(image: Tensor) -> Tensor:
    """Back from normalised values to [0, 1]."""
    return (image.float() * DEVIATION + MEAN).clamp(0, 1)


class XrayData(ScheduledDataModule):
    """Loaders of X-rays.

    Args:
        persistent_workers: keep the workers of validation from one to the next; those of training
            stay in any case, since a run is one pass over a stream.
        evaluate: what is validated on, `validation` or `test`.
    """

    img_size: int
    labels: list[str]

    def __init__(
        self,
        batch_size: PositiveInt = 24,
        workers: NonNegativeInt = 0,
        persistent_workers: bool = True,
        evaluate: Literal["validation", "test"] = "validation",
    ) -> None:
        super().__init__(batch_size, workers)
        self.persistent_workers, self.evaluate = persistent_workers, evaluate

    def inspect(self, folder: Path) -> list[str]:
        """What there is to train and validate on, a line each.

        Args:
            folder: gets a contact sheet per part, with a histogram below every image.
        """
        self.setup("fit")
        lines = []
        for part, images in (("train", self.train_set), ("validation", self.validation_set)):
            count = len(images)  # type: ignore[arg-type]
            lines.append(f"{part}: {count} images of {self.img_size} pixels, made by the program")
            shown = [images[n]["image"][0] for n in range(min(count, contact_sheet.AT_MOST))]  # type: ignore[index]
            grey = [(brightness(x) * 255).round().byte().numpy() for x in shown]
            sheet = [(str(n), x[..., None].repeat(3, axis=-1)) for n, x in enumerate(grey)]
            contact_sheet.write(folder / f"{part}.png", sheet)
        return lines

    def val_dataloader(self) -> DataLoader[Any]:
        assert self.validation_set is not None
        workers = min(self.workers, 2)
        return DataLoader(
            self.validation_set,
            EVALUATION_BATCH,
            num_workers=workers,
            persistent_workers=self.persistent_workers and workers > 0,
        )
