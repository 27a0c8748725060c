"""A picture per validation, so that a run shows whether it works."""

from pathlib import Path

import lightning.pytorch as pl
import numpy as np
from PIL import Image

from launch.train.module import ScheduledModule


class ImagePanels(pl.Callback):
    """Saves `module.image_panel()` as `images/iteration_00001500.png` after validations.

    Args:
        folder: the run's `images` folder.
        every: iterations between two pictures; the last validation is always drawn.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every
        self.drawn = -1

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ScheduledModule)
        last = pl_module.iteration >= pl_module.iterations
        if trainer.is_global_zero and (last or pl_module.iteration >= self.drawn + self.every):
            self.drawn = pl_module.iteration - pl_module.iteration % self.every
            self.draw(pl_module)

    def draw(self, module: ScheduledModule) -> Path | None:
        rows = module.image_panel()
        if not rows:
            return None
        path = self.folder / f"iteration_{module.iteration:08}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stack(rows)).save(path)
        return path


def stack(rows: list[np.ndarray], gap: int = 4) -> np.ndarray:
    """Rows (H, W, 3) uint8 of any size below each other, left-aligned on white."""
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, gap), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.concatenate(padded)[:-gap]
