"""A picture per validation, so that a run shows whether it works."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np

from launch.record import storage
from launch.tools.pictures import write_png
from launch.trackers.tracker import TracksPictures
from launch.train.module import ScheduledModule


class ImagePanels(pl.Callback):
    """Saves `module.image_panel()` as `images/iteration_00001500.png` after validations.

    Trackers get the same picture.

    Args:
        folder: the run's `images` folder.
        every: iterations between two pictures; the last validation is always drawn.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every
        self.drawn = -1

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self.drawn}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.drawn = state_dict["drawn"]

    def on_validation_end(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        last = pl_module.iteration >= pl_module.iterations
        if last or pl_module.iteration >= self.drawn + self.every:
            self.drawn = pl_module.iteration - pl_module.iteration % self.every
            picture = self.draw(pl_module, trainer.is_global_zero)
            for logger in trainer.loggers:
                if picture is not None and isinstance(logger, TracksPictures):
                    logger.log_picture(picture, pl_module.iteration)

    def draw(self, module: ScheduledModule, saves: bool = True) -> np.ndarray | None:
        """The picture, (H, W, 3), as it is saved; None if the module draws none.

        Every rank draws, since networks that are shared among them compute in all or in none.
        """
        rows = module.image_panel()
        if not rows or not saves:
            return None
        path = self.folder / f"iteration_{module.iteration:08}.png"
        picture = stack(rows)
        with storage.optional("a picture"):
            write_png(path, picture)
        return picture


def stack(rows: list[np.ndarray], gap: int = 4) -> np.ndarray:
    """Rows (H, W, 3) uint8 of any size below each other, left-aligned on white."""
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, gap), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.concatenate(padded)[:-gap]
