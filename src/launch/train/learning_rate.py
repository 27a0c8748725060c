"""The learning rate as a schedule: what the configured scheduler does, found by running it.

Schedulers are stepped once an iteration, in a run that is given in epochs once an epoch. A resumed
run takes its hyper-parameters from the configuration, and from the checkpoint how far it has come.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from hydra.utils import instantiate
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from launch.errors import ConfigError
from launch.schedules import Unit


@dataclass(frozen=True)
class Recorded:
    """Values at 0, 1, ..., as they came; the last holds afterwards."""

    values: tuple[float, ...]
    unit: Unit = "iteration"

    def __call__(self, i: int) -> float:
        return self.values[min(i, len(self.values) - 1)]

    def changes(self) -> tuple[int, ...]:
        """Where it begins or stops to move, and where it jumps."""
        moves = [later != earlier for earlier, later in pairwise(self.values)]
        turns = (i for i in range(1, len(moves)) if moves[i] != moves[i - 1])
        return tuple(dict.fromkeys(i + moves[i] for i in turns))


def schedules(
    module: Mapping[str, Any], last: int, unit: Unit = "iteration"
) -> Iterator[tuple[str, Recorded]]:
    """Key and learning rate, of `last` steps, of every optimizer in a `module:` section.

    `optimizer` is paired with `lr_scheduler`, `discriminator_optimizer` with
    `discriminator_lr_scheduler`, and so on; without a scheduler the rate is constant.
    """
    for key, node in module.items():
        if key.endswith("optimizer") and isinstance(node, Mapping) and "_target_" in node:
            scheduler = module.get(key.removesuffix("optimizer") + "lr_scheduler")
            yield f"module.{key}.lr", Recorded(tuple(record(node, scheduler, last)), unit)


def record(
    optimizer: Mapping[str, Any], scheduler: Mapping[str, Any] | None, last: int
) -> list[float]:
    """The learning rate of each of `last` steps, from an optimizer that has nothing to update."""
    running = instantiate(optimizer, _convert_="all")([torch.nn.Parameter(torch.zeros(1))])
    rates = [float(running.param_groups[0]["lr"])]
    if scheduler:
        stepping = instantiate(scheduler, _convert_="all")(running)
        rates = [float(running.param_groups[0]["lr"])]
        running.step()  # once, or torch warns about the order
        for _ in range(last - 1):
            stepping.step()
            rates.append(float(running.param_groups[0]["lr"]))
    return rates


def scheduled(factory: Any, optimizer: Optimizer, **options: Any) -> LRScheduler:
    """The scheduler of an optimizer, from a partial of its class.

    Raises:
        ConfigError: for settings of which torch makes none, and for one that waits for a metric.
    """
    try:
        made = factory(optimizer, **options)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        name = getattr(getattr(factory, "func", factory), "__name__", "the scheduler")
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, ZeroDivisionError):  # OneCycleLR's rise is pct_start * total_steps - 1
            reason = "its first phase is a single step; change pct_start or the number of steps"
        raise ConfigError(f"module.lr_scheduler: {name} cannot be made so: {reason}") from error
    if isinstance(made, ReduceLROnPlateau):
        raise ConfigError(
            "module.lr_scheduler: ReduceLROnPlateau follows a metric, but here learning rates are "
            "functions of the iteration; take another, such as CosineAnnealingLR"
        )
    return made


def require_long_enough(schedulers: Iterable[LRScheduler], iterations: int) -> None:
    """
    Raises:
        ConfigError: if a cycle of a given length, stepped at every iteration, ends before the run.
    """
    for scheduler in schedulers:
        length = getattr(scheduler, "total_steps", None)
        if length is not None and length < iterations:
            raise ConfigError(
                f"module.lr_scheduler: {type(scheduler).__name__} ends after {length} steps, the "
                f"run after {iterations}; give module.lr_scheduler.total_steps={iterations}"
            )


# Resuming


def hyper_parameters(configured: Any) -> dict[str, list[Any]]:
    """What the configuration says of optimizers and schedulers, in plain containers.

    Args:
        configured: what `configure_optimizers` returns, fresh.
    """
    optimizers, schedulers = _players(configured)
    return {
        "types": [type(optimizer).__name__ for optimizer in optimizers],
        "groups": [[_plain(g) for g in optimizer.param_groups] for optimizer in optimizers],
        "schedulers": [
            type(s).__name__ + json.dumps(s.state_dict(), default=lambda x: type(x).__name__)
            for s in schedulers
        ],
    }


def reassert(
    optimizers: list[Optimizer],
    schedulers: list[LRScheduler],
    configured: Any,
    written: Mapping[str, list[Any]],
) -> list[str]:
    """Give restored optimizers the configured hyper-parameters, if those differ from the run's.

    Learning rate, decay, betas and schedule become what they would be now, had the run had the new
    configuration from its start; moments and the number of scheduler steps stay as restored.

    Args:
        optimizers, schedulers: of the training, restored.
        configured: what `configure_optimizers` returns, fresh.
        written: the `hyper_parameters` that the checkpoint was trained with.

    Returns:
        What changed, a sentence each.

    Raises:
        ConfigError: if the checkpoint holds the state of other optimizers or of fewer schedulers,
            or if a scheduler ends before the steps that were made.
    """
    wanted = hyper_parameters(configured)
    if wanted == written:
        return []
    fresh, replayed = _players(configured)
    if wanted["types"] != written["types"] or len(replayed) > len(written["schedulers"]):
        raise ConfigError(
            f"the checkpoint has the state of {_names(written)}, configured is {_names(wanted)}; "
            "a resumed run keeps its kind of optimizer and gains no scheduler: start a new run "
            "with from=CHECKPOINT"
        )
    for restored, scheduler in zip(schedulers, replayed, strict=True):
        replay(scheduler, restored.last_epoch)
        restored.load_state_dict(scheduler.state_dict())
    changes = []
    for number, (restored, new) in enumerate(zip(optimizers, fresh, strict=True)):
        for group, values in zip(restored.param_groups, map(_plain, new.param_groups), strict=True):
            changes += [
                f"optimizer {number}: {key} {group[key]} -> {value}"
                for key, value in values.items()
                if key in group and group[key] != value
            ]
            group.update(values)
    return changes


def replay(scheduler: LRScheduler, steps: int) -> None:
    """
    Raises:
        ConfigError: if the scheduler ends before.
    """
    scheduler.optimizer.step()  # there are no gradients yet; or torch warns about the order
    try:
        for _ in range(steps):
            scheduler.step()
    except ValueError as error:
        raise ConfigError(
            f"module.lr_scheduler: the run has made {steps} steps, and {type(scheduler).__name__} "
            f"ends before: {error}"
        ) from error


def _players(configured: Any) -> tuple[list[Optimizer], list[LRScheduler]]:
    optimizers, schedulers = configured if isinstance(configured, tuple) else (configured, [])
    listed = optimizers if isinstance(optimizers, list) else [optimizers]
    return listed, [s["scheduler"] if isinstance(s, dict) else s for s in schedulers]


def _plain(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "params"}


def _names(settings: Mapping[str, list[Any]]) -> str:
    schedulers = [text.split("{")[0] for text in settings["schedulers"]]
    return " and ".join([*settings["types"], *schedulers])
