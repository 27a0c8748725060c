"""The step log: everything that moves, read from the device once every n iterations."""

from statistics import fmean
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, distributed

from launch.train.module import ScheduledModule


class StepLog(pl.Callback):
    """Logs raw value, weight and weighted value of each loss term, and what the module recorded.

    Columns have a namespace, so that two things never share one: `loss/`, `weight/`, `weighted/`,
    `training/` for what a recipe recorded, `health/` for how the machine does; metrics of
    validations stand alone, as in `run.json`. A recorded name with a slash stays as it is.

    Rows are written every `every` iterations, at the last one, and on both sides of every point
    at which a loss weight changes its formula, so that a switch can be read off `metrics.csv`.
    Collects without synchronising; a logged iteration costs one transfer.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.latest: dict[str, float] = {}
        self._points: set[int] = set()
        self._learning_rate = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        changes = {c for t in pl_module.losses.terms.values() for c in t.weight.changes()}
        self._points = changes | {c - 1 for c in changes} | {pl_module.iterations - 1}

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: ScheduledModule, *_: Any
    ) -> None:
        pl_module.logged = self._is_row(pl_module.iteration)
        self._learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: ScheduledModule, *_: Any) -> None:
        iteration = pl_module.losses.iteration
        updated, records = pl_module.iteration != iteration, pl_module.recorded
        if updated and self._is_row(iteration):
            self.latest = row(pl_module) | {"training/learning_rate": self._learning_rate}
            names = [name if "/" in name else f"training/{name}" for name in records]
            self.latest |= dict(zip(names, to_floats(list(records.values())), strict=True))
            self.latest = mean_over_ranks(self.latest)
            records.clear()
            for logger in trainer.loggers:
                logger.log_metrics(self.latest, step=iteration)

    def _is_row(self, iteration: int) -> bool:
        return iteration % self.every == 0 or iteration in self._points

    def on_validation_end(self, trainer: pl.Trainer, pl_module: ScheduledModule) -> None:
        if trainer.state.fn == "fit":
            log_validation(trainer, pl_module)


def log_validation(trainer: pl.Trainer, module: ScheduledModule) -> None:
    """Write the metrics of the latest validation in the row of the current iteration.

    Every rank has made the whole of it; what only a training can tell it knows of its own part.
    """
    module.training_metrics = mean_over_ranks(module.training_metrics)
    for logger in trainer.loggers:
        logger.log_metrics(module.metrics | module.training_metrics, step=module.iteration)


def row(module: ScheduledModule) -> dict[str, float]:
    """`loss/x`, `weight/x` and `weighted/x` for every term."""
    losses = module.losses
    losses.check_finite()
    values = dict(zip(losses.values, to_floats(list(losses.values.values())), strict=True))
    weights = losses.weights()
    weighted = {name: weights[name.split("/")[0]] * value for name, value in values.items()}
    return {
        "loss/total": sum(weighted.values()),
        **{f"loss/{name}": value for name, value in values.items()},
        **{f"weight/{name}": value for name, value in weights.items()},
        **{f"weighted/{name}": value for name, value in weighted.items()},
    }


def to_floats(values: list[Tensor | float]) -> list[float]:
    """Read all tensors in one transfer."""
    tensors = [v.float().mean() for v in values if isinstance(v, Tensor)]
    read = iter(torch.stack(tensors).tolist() if tensors else ())
    return [next(read) if isinstance(v, Tensor) else float(v) for v in values]


def mean_over_ranks(values: dict[str, float]) -> dict[str, float]:
    """Each quantity over the ranks that have it, since each has seen a part of the batch."""
    if not distributed.is_available() or not distributed.is_initialized():
        return values
    found: list[dict[str, float]] = [{}] * distributed.get_world_size()
    distributed.all_gather_object(found, values)
    names = dict.fromkeys(name for of_rank in found for name in of_rank)
    return {name: fmean(r[name] for r in found if name in r) for name in names}
