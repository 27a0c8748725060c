"""Watches for what goes wrong quietly: waiting for data, and what the recipe itself reports."""

import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_warn
from torch.nn.modules.batchnorm import _BatchNorm

from launch.train.module import ScheduledModule

SHARE_WORTH_A_WARNING = 0.2


class Health(pl.Callback):
    """Records `health/seconds_per_iteration` and `health/data_wait_share`; warns once of each.

    The wait for data is the time that the training stands still in its loader, see
    `data.ClockedLoader`, as a share of all time but validations; checkpoints, logs and reads of
    the device count as work. Above a fifth it is worth a warning.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.warned: set[str] = set()
        self.started = self.waited = 0.0
        self.batches = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        learn = (m for m in pl_module.modules() if isinstance(m, _BatchNorm) and m.training)
        if trainer.world_size > 1 and any(learn):
            self._warn(["batch norms learn from each rank's own part of a batch, so that several "
                        "ranks are not one with the batch of all"])  # fmt: skip

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: ScheduledModule, *_: Any
    ) -> None:
        if not self.started:
            self._start(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: ScheduledModule, *_: Any) -> None:
        self.batches += 1
        if self.batches >= self.every:
            self._report(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        self.started = 0.0
        self._warn(pl_module.health())

    def _start(self, trainer: pl.Trainer) -> None:
        self.started, self.batches = time.perf_counter(), 0
        self.waited = waited(trainer)

    def _report(self, trainer: pl.Trainer, module: ScheduledModule) -> None:
        total = time.perf_counter() - self.started
        share = (waited(trainer) - self.waited) / total
        seconds = total / self.batches * module.accumulate
        module.record(**{"health/seconds_per_iteration": seconds, "health/data_wait_share": share})
        if share > SHARE_WORTH_A_WARNING:
            self._warn(["training waits for data over a fifth of the time; raise data.workers"])
        self._start(trainer)

    def _warn(self, warnings: list[str]) -> None:
        for warning in warnings:
            if warning not in self.warned:
                self.warned.add(warning)
                rank_zero_warn(warning)


def waited(trainer: pl.Trainer) -> float:
    """Seconds spent so far in the training's loader."""
    return getattr(trainer.train_dataloader, "waited", 0.0)
