"""Watches for what goes wrong quietly: waiting for data, and what the recipe itself reports."""

import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_warn

from launch.train.module import ScheduledModule

SHARE_WORTH_A_WARNING = 0.2


class Health(pl.Callback):
    """Records `seconds_per_iteration` and `data_wait_share`, and prints each warning once.

    The wait for data is the time between the end of a batch and the start of the next, less
    validation and checkpoints; above a fifth of the time it is worth a warning.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.warned: set[str] = set()
        self.waited = self.worked = self.moment = 0.0
        self.batches = 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        now = time.perf_counter()
        if self.moment:
            self.waited += now - self.moment
        self.moment = now

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, ScheduledModule)
        now = time.perf_counter()
        self.worked += now - self.moment
        self.moment = now
        self.batches += 1
        if self.batches >= self.every:
            self._report(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ScheduledModule)
        self.moment = 0.0
        self._warn(pl_module.health())

    def _report(self, module: ScheduledModule) -> None:
        total = self.waited + self.worked
        share = self.waited / total
        module.record(
            seconds_per_iteration=total / self.batches * module.accumulate, data_wait_share=share
        )
        if share > SHARE_WORTH_A_WARNING:
            self._warn(["training waits for data over a fifth of the time; raise data.workers"])
        self.waited = self.worked = 0.0
        self.batches = 0

    def _warn(self, warnings: list[str]) -> None:
        for warning in warnings:
            if warning not in self.warned:
                self.warned.add(warning)
                rank_zero_warn(warning)
