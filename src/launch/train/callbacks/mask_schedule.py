"""Builds the masks of the iteration."""

from typing import Any

import lightning.pytorch as pl

from launch.train.module import ScheduledModule


class MaskSchedule(pl.Callback):
    """Writes `module.scheduled_masks` for this iteration from `module.mask_state(batch)`.

    A mask is drawn every `mask_every` iterations; in between the last one stands.
    """

    def __init__(self, mask_every: int = 1) -> None:
        self.mask_every = mask_every

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: ScheduledModule, batch: Any, *_: Any
    ) -> None:
        self._write(pl_module, batch)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        if not pl_module.scheduled_masks.built:
            self._write(pl_module, None)

    def _write(self, module: ScheduledModule, batch: Any) -> None:
        masks = module.scheduled_masks
        state = module.mask_state(batch) if masks.masks else {}
        if state:
            masks.build(module.iteration, state, self.mask_every)
