"""The progress of one training: its name, iteration, time left, loss, active weights."""

import sys
import time
from typing import Any

import lightning.pytorch as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from launch.train.callbacks.step_log import StepLog
from launch.train.module import ScheduledModule

FIRST_LINE, LONGEST = 15.0, 600.0
"""Seconds until the first line, each later one after three times as long, but not longer."""
WEIGHTS = 3
"""As many are named on a line; `metrics.csv` has them all."""


class ProgressBar(pl.Callback):
    """Draws a bar in a terminal, and a line now and then where there is none.

    Shows what the step log read last, so that it costs no synchronisation of its own.

    Args:
        name: of the training, experiment and rung, which begins every line.
    """

    def __init__(self, step_log: StepLog, name: str) -> None:
        self.step_log, self.name = step_log, name
        self.console = Console(file=sys.stdout, highlight=False)
        self.bar: Progress | None = None
        self.started = self.due = 0.0
        self.first = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        self.started = time.monotonic()
        self.due = FIRST_LINE
        self.first = pl_module.iteration
        if trainer.is_global_zero and self.console.is_terminal:
            columns = (BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn())
            named = TextColumn(self.name, markup=False)
            text = TextColumn("{task.description}", markup=False)
            self.bar = Progress(named, *columns, text, console=self.console)
            self.bar.add_task("", total=pl_module.iterations, completed=self.first)
            self.bar.start()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: ScheduledModule, *_: Any) -> None:
        if self.bar is not None:
            task = self.bar.task_ids[0]
            text = describe(self.step_log.latest, pl_module)
            self.bar.update(task, completed=pl_module.iteration, description=text)
        elif trainer.is_global_zero and time.monotonic() - self.started > self.due:
            self.due = time.monotonic() - self.started + min(2 * self.due, LONGEST)
            self._print(f"{clock(self._left(pl_module))} left", pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        if self.bar is None and trainer.is_global_zero:
            self._print(f"in {clock(time.monotonic() - self.started)}", pl_module)
        self._stop()

    def on_exception(self, *_: Any) -> None:
        self._stop()

    def _stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _left(self, module: ScheduledModule) -> float:
        """Seconds to go, at the pace so far."""
        done = module.iteration - self.first
        left = (module.iterations - module.iteration) / done if done else 0
        return left * (time.monotonic() - self.started)

    def _print(self, time_text: str, module: ScheduledModule) -> None:
        count = f"iteration {module.iteration}/{module.iterations}"
        text = describe(self.step_log.latest, module)
        line = "  ".join(filter(None, (self.name, count, time_text, text)))
        self.console.print(line, soft_wrap=True, markup=False)


def clock(seconds: float) -> str:
    """
    >>> clock(75), clock(3675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def describe(latest: dict[str, float], module: ScheduledModule) -> str:
    """The total, the weights of the first active terms if there are several, the first metrics."""
    parts = [f"loss {latest['loss/total']:.4g}"] if latest else []
    weights = {k.removeprefix("weight/"): v for k, v in latest.items() if k.startswith("weight/")}
    active = [f"{name} {value:.3g}" for name, value in weights.items() if value]
    active[WEIGHTS:] = [f"{len(active) - WEIGHTS} more"] if len(active) > WEIGHTS else []
    parts += [f"weights: {', '.join(active)}"] if len(weights) > 1 else []
    parts += [f"{name} {value:.4g}" for name, value in list(module.metrics.items())[:2]]
    return "  ".join(parts)
