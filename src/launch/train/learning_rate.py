"""The learning rate as a schedule: what the configured scheduler does, found by running it.

Schedulers are stepped once an iteration, in a run that is given in epochs once an epoch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from hydra.utils import instantiate

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
    """Key and learning rate, from 0 to `last`, of every optimizer in a `module:` section.

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
    """The learning rate at 0 to `last`, from an optimizer that has nothing to update."""
    running = instantiate(optimizer, _convert_="all")([torch.nn.Parameter(torch.zeros(1))])
    rates = [float(running.param_groups[0]["lr"])]
    if scheduler:
        stepping = instantiate(scheduler, _convert_="all")(running)
        rates = [float(running.param_groups[0]["lr"])]
        running.step()  # once, or torch warns about the order
        for _ in range(last):
            stepping.step()
            rates.append(float(running.param_groups[0]["lr"]))
    return rates
