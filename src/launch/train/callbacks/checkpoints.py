"""`last.ckpt` every n iterations and `best.ckpt` by the main metric, each in one step."""

import math
import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from launch.errors import PreemptedError
from launch.train import checkpoint_files
from launch.train.module import ScheduledModule

STATE = ("best", "best_iteration", "best_metrics")


class Checkpoints(pl.Callback):
    """Saves between two updates, so that a checkpoint never splits an accumulated one.

    The moment is the start of the next batch: a validation that was due at this iteration has
    been made, and a run killed before it repeats it. SIGTERM, SIGINT and SIGHUP ask for a
    checkpoint at that moment, after which the run ends as preempted.

    Args:
        folder: where `last.ckpt` and `best.ckpt` go.
        every: iterations between two `last.ckpt`.
        metric, mode: what `best.ckpt` is best in, `max` or `min`.
    """

    def __init__(self, folder: Path, every: int, metric: str | None, mode: str = "max") -> None:
        self.folder, self.every = folder, every
        self.metric, self.sign = metric, 1 if mode == "max" else -1
        self.best = -math.inf
        self.best_iteration = -1
        self.best_metrics: dict[str, float] = {}
        self.saved = -1
        self.stop_requested = False

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name in STATE:
            setattr(self, name, state_dict.get(name, getattr(self, name)))

    def restore(self, checkpoint: Path) -> None:
        """Take over the state that a checkpoint holds of this callback."""
        self.load_state_dict(checkpoint_files.read(checkpoint)["callbacks"][self.state_key])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ScheduledModule)
        self.saved = pl_module.iteration
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._request_stop)

    def _request_stop(self, number: int, frame: Any) -> None:
        """The first signal asks for a checkpoint after this update, the second ends at once."""
        if self.stop_requested:
            raise KeyboardInterrupt
        self.stop_requested = True

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, ScheduledModule)
        if pl_module.batches % pl_module.accumulate:
            return
        due = pl_module.iteration % self.every == 0 and pl_module.iteration != self.saved
        if due or self.stop_requested:
            self.save_last(trainer, pl_module)
        if self.stop_requested:
            raise PreemptedError(pl_module.iteration)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ScheduledModule)
        self.save_last(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ScheduledModule)
        if self.metric is None or trainer.state.fn != "fit":
            return
        self.offer(trainer, pl_module)

    def offer(self, trainer: pl.Trainer, module: ScheduledModule) -> None:
        """Save `best.ckpt` if the latest metrics are the best so far."""
        if self.is_best(module):
            trainer.save_checkpoint(self.folder / "best.ckpt")

    def offer_last(self, trainer: pl.Trainer, module: ScheduledModule) -> None:
        """As `offer` after the training, when only `last.ckpt` still knows its optimizers."""
        if self.is_best(module) and trainer.is_global_zero:
            content = checkpoint_files.read(self.folder / checkpoint_files.LAST)
            content["callbacks"][self.state_key] = self.state_dict()
            checkpoint_files.write(content, self.folder / "best.ckpt")

    def is_best(self, module: ScheduledModule) -> bool:
        """Whether the latest metrics are the best so far, which is remembered."""
        value = module.metrics.get(self.metric or "", math.nan)
        if self.sign * value <= self.best or math.isnan(value):
            return False
        self.best, self.best_iteration = self.sign * value, module.iteration
        self.best_metrics = dict(module.metrics)
        return True

    def save_last(self, trainer: pl.Trainer, module: ScheduledModule) -> None:
        module.losses.check_finite()
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.folder / checkpoint_files.LAST)
        self.saved = module.iteration
