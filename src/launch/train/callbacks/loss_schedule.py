"""Tells the objective where the run is."""

from typing import Any

import lightning.pytorch as pl

from launch.train.module import ScheduledModule


class LossSchedule(pl.Callback):
    """Writes `module.losses.iteration` and `.epoch`, and records every weight for the step log.

    All micro-batches of one accumulated update see the same iteration.
    """

    def on_train_batch_start(self, _: pl.Trainer, module: ScheduledModule, *__: Any) -> None:
        module.losses.iteration = module.iteration
        module.losses.epoch = module.epoch

    def on_validation_start(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        self.on_train_batch_start(trainer, pl_module)
