"""`last.ckpt` every n iterations and `best.ckpt` by the main metric, each in one step."""

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from launch.errors import PreemptedError, nearest
from launch.record.run import Run
from launch.record.stopping import Stopped, requests
from launch.train import checkpoint_files
from launch.train.data import ClockedLoader
from launch.train.module import ScheduledModule

AGREED_EVERY = 5  # updates: to agree costs a look at the device

STATE = ("best", "best_iteration", "best_metrics")


class Checkpoints(pl.Callback):
    """Saves between two updates, so that a checkpoint never splits an accumulated one.

    The moment is the start of the next batch: a validation that was due at this iteration has
    been made, and a run killed before it repeats it. A request to stop asks for a checkpoint at
    that moment, after which the run ends as preempted; a wait for the next batch is cut short.
    Several ranks agree on it every `AGREED_EVERY` updates.

    Args:
        run: gets `last.ckpt` and `best.ckpt`.
        every: iterations between two `last.ckpt`.
        metric, mode: what `best.ckpt` is best in, `max` or `min`.
    """

    def __init__(self, run: Run, every: int, metric: str | None, mode: str = "max") -> None:
        self.run, self.every = run, every
        run.last.parent.mkdir(exist_ok=True)
        self.metric, self.sign = metric, 1 if mode == "max" else -1
        self.best = -math.inf
        self.best_iteration = -1
        self.best_metrics: dict[str, float] = {}
        self.saved = -1
        self.trains, self.alone = False, True
        self.before: Callable[[int], Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name in STATE:
            setattr(self, name, state_dict.get(name, getattr(self, name)))

    def restore(self, checkpoint: Path) -> None:
        """Take over the state that a checkpoint holds of this callback."""
        self.load_state_dict(checkpoint_files.read(checkpoint)["callbacks"][self.state_key])

    def on_train_start(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        self.saved = pl_module.iteration
        self.trains = True
        self.before, requests.first = requests.first, self._hear
        self.alone = trainer.world_size == 1

    def _hear(self, number: int) -> None:
        if self.alone and ClockedLoader.waits:
            raise Stopped

    def asked(self, trainer: pl.Trainer, module: ScheduledModule) -> bool:
        """Whether to stop now; all ranks say the same."""
        if self.alone:
            return requests.at is not None
        if module.iteration % AGREED_EVERY:
            return False
        return trainer.strategy.reduce_boolean_decision(requests.at is not None, all=False)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: ScheduledModule, exception: BaseException
    ) -> None:
        """A wait for a batch was cut short, which is between two of them."""
        between = not pl_module.batches % pl_module.accumulate
        if isinstance(exception, Stopped) and self.trains and between:
            self.save_last(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: ScheduledModule, *_: Any
    ) -> None:
        if pl_module.batches % pl_module.accumulate:
            return
        due = pl_module.iteration % self.every == 0 and pl_module.iteration != self.saved
        asked = self.asked(trainer, pl_module)
        if due or asked:
            self.save_last(trainer, pl_module)
        if asked:
            raise PreemptedError(pl_module.iteration)

    def on_train_end(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        self.save_last(trainer, pl_module)
        self.trains, requests.first = False, self.before

    def on_validation_end(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        if self.metric is None or trainer.state.fn != "fit":
            return
        self.offer(trainer, pl_module)

    def offer(self, trainer: pl.Trainer, module: ScheduledModule) -> None:
        """Save `best.ckpt` if the latest metrics are the best so far."""
        if self.is_best(module):
            trainer.save_checkpoint(self.run.best)

    def offer_last(self, trainer: pl.Trainer, module: ScheduledModule) -> None:
        """As `offer` after the training, when only `last.ckpt` still knows its optimizers."""
        if self.is_best(module) and trainer.is_global_zero:
            content = checkpoint_files.read(self.run.last)
            content["callbacks"][self.state_key] = self.state_dict()
            checkpoint_files.write(self.run, content, self.run.best)

    def is_best(self, module: ScheduledModule) -> bool:
        """Whether the latest metrics are the best so far, which is remembered."""
        if self.metric and self.metric not in module.metrics:
            guess = nearest(self.metric, module.metrics) or f" It has {', '.join(module.metrics)}."
            missing = f"main_metric.name={self.metric}: no validation has it, so no best checkpoint"
            warnings.warn(f"{missing}.{guess}", stacklevel=2)
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
        trainer.save_checkpoint(self.run.last)
        self.saved = module.iteration
