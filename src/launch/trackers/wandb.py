"""Weights & Biases: one run by its id, offline or sent as it goes."""

from dataclasses import dataclass

import numpy as np
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from launch.trackers.tracker import Identity, Settings


class WandbRun(WandbLogger):
    """Lightning's, which also takes pictures."""

    @rank_zero_only
    def log_picture(self, picture: np.ndarray, iteration: int) -> None:
        self.log_image("images", [picture], iteration)


@dataclass(frozen=True)
class Wandb:
    """Files in `RUN_DIR/wandb`; after a resume `wandb sync` joins its parts by their id.

    Args:
        project: where the runs lie.
        offline: keep them in the run folder; false sends them, which takes a login.
    """

    project: str = "launch"
    offline: bool = True

    def open(self, identity: Identity, settings: Settings, iteration: int) -> WandbRun:
        logger = WandbRun(
            name=identity.name,
            save_dir=identity.folder,
            id=identity.id,
            project=self.project,
            offline=self.offline,
            group=identity.group,
            tags=[f"{key} {value}" for key, value in identity.tags.items()],
            resume="allow",
        )
        logger.log_hyperparams(settings)
        return logger
