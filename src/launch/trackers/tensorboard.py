"""TensorBoard: `tensorboard --logdir runs` shows every run below."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from launch.trackers.tracker import Identity, Settings


class TensorBoardRun(TensorBoardLogger):
    """Lightning's, which also takes pictures."""

    @rank_zero_only
    def log_picture(self, picture: np.ndarray, iteration: int) -> None:
        self.experiment.add_image("images", picture, iteration, dataformats="HWC")


@dataclass(frozen=True)
class TensorBoard:
    """Event files in `RUN_DIR/tensorboard`; what a killed run logged beyond its checkpoint goes."""

    def open(self, identity: Identity, settings: Settings, iteration: int) -> TensorBoardRun:
        purged: Any = {"purge_step": iteration + 1} if iteration else {}
        logger = TensorBoardRun(
            identity.folder, "tensorboard", "", default_hp_metric=False, **purged
        )
        if not iteration:
            logger.log_hyperparams(settings)
            told = f"{identity.name}\n\ngroup {identity.group}, {identity.tags}"
            logger.experiment.add_text("run", told, 0)
        return logger
