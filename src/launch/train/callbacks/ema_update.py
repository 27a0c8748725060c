"""Keeps averages up to date."""

from typing import Any

import lightning.pytorch as pl

from launch.train.module import ScheduledModule


class EMAUpdate(pl.Callback):
    """Calls `module.update_ema()` once per completed update, not once per batch or optimizer."""

    def __init__(self) -> None:
        self._seen: int | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        self._seen = pl_module.iteration

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: ScheduledModule, *_: Any) -> None:
        if pl_module.iteration != self._seen:
            pl_module.update_ema()
            self._seen = pl_module.iteration
