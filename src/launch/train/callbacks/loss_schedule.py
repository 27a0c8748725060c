"""Tells the objective where the run is."""

from typing import Any

import lightning.pytorch as pl

from launch.train.module import ScheduledModule


class LossSchedule(pl.Callback):
    """Writes `module.losses.iteration` and `.epoch`, and records every weight for the step log.

    All micro-batches of one accumulated update see the same iteration.
    """

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._write(pl_module)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._write(pl_module)

    def _write(self, module: pl.LightningModule) -> None:
        assert isinstance(module, ScheduledModule)
        module.losses.iteration = module.iteration
        module.losses.epoch = module.epoch
