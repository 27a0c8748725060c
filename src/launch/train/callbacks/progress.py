"""The progress bar: iteration, loss, active weights, time left."""

import sys
import time
from typing import Any

import lightning.pytorch as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from launch.train.callbacks.step_log import StepLog
from launch.train.module import ScheduledModule

SECONDS_BETWEEN_LINES = 15.0


class ProgressBar(pl.Callback):
    """Draws a bar in a terminal, and a line now and then where there is none.

    Shows what the step log read last, so that it costs no synchronisation of its own.
    """

    def __init__(self, step_log: StepLog) -> None:
        self.step_log = step_log
        self.console = Console(file=sys.stdout, highlight=False)
        self.bar: Progress | None = None
        self.started = self.printed = 0.0
        self.first = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ScheduledModule)
        self.started = self.printed = time.monotonic()
        self.first = pl_module.iteration
        if trainer.is_global_zero and self.console.is_terminal:
            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = Progress(*columns, TextColumn("{task.description}"), console=self.console)
            self.bar.add_task("", total=pl_module.iterations, completed=self.first)
            self.bar.start()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, ScheduledModule)
        if self.bar is not None:
            task = self.bar.task_ids[0]
            text = describe(self.step_log.latest, pl_module)
            self.bar.update(task, completed=pl_module.iteration, description=text)
        elif trainer.is_global_zero and time.monotonic() - self.printed > SECONDS_BETWEEN_LINES:
            self.printed = time.monotonic()
            self.console.print(self._line(pl_module), soft_wrap=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _line(self, module: ScheduledModule) -> str:
        done = module.iteration - self.first
        left = (module.iterations - module.iteration) / done if done else 0
        seconds = int(left * (time.monotonic() - self.started))
        time_left = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"
        text = describe(self.step_log.latest, module)
        return f"iteration {module.iteration}/{module.iterations}  {time_left}  {text}"


def describe(latest: dict[str, float], module: ScheduledModule) -> str:
    """The total, each active term with its weight, and the main validation metrics."""
    parts = [f"loss {latest['loss/total']:.4g}"] if latest else []
    weights = module.losses.weights()
    parts += [f"{name} x{value:.3g}" for name, value in weights.items() if value]
    parts += [f"{name} {value:.4g}" for name, value in list(module.metrics.items())[:2]]
    return "  ".join(parts)
