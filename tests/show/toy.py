"""A module, masks and data of 12 samples, for what a plan asks of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from launch.errors import MissingError
from launch.masks.progress import progress
from launch.train.data import ScheduledDataModule
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses


class Square(ScheduledModule):
    """Images of 64 x 64 pixels."""

    def __init__(self, losses: ScheduledLosses) -> None:
        super().__init__(losses)
        self.weight = nn.Parameter(torch.zeros(1))

    def mask_state(self, batch: Any) -> dict[str, Any]:
        return {"size": (64, 64)}


@dataclass(frozen=True)
class Rows:
    """The first rows of an image: `start_rows` at first, all of them in the end."""

    ramp_start_it: int
    ramp_stop_it: int
    start_rows: float
    memory: dict[str, Any] = field(default_factory=dict, init=False)

    def spans(self, state: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
        return {"rows": (self.start_rows, float(state["size"][0]))}

    def generate(
        self, iteration: int, state: Mapping[str, Any], size: tuple[int, int], device: torch.device
    ) -> Tensor:
        share = progress(iteration, self.ramp_start_it, self.ramp_stop_it)
        return first_rows(self.start_rows + share * (size[0] - self.start_rows), size)


@dataclass(frozen=True)
class Front:
    """The first rows, more of them at a constant speed, without end."""

    velocity: float
    memory: dict[str, Any] = field(default_factory=dict, init=False)

    def generate(
        self, iteration: int, state: Mapping[str, Any], size: tuple[int, int], device: torch.device
    ) -> Tensor:
        return first_rows(self.velocity * (iteration + 1), size)


def first_rows(rows: float, size: tuple[int, int]) -> Tensor:
    return (torch.arange(size[0]) < rows).float()[None, None, :, None].expand(1, 1, *size)


class Twelve(ScheduledDataModule):
    """Twelve numbers; none if `there` is false."""

    def __init__(self, batch_size: int = 4, there: bool = True) -> None:
        super().__init__(batch_size)
        self.there = there

    def load(self, stage: str) -> None:
        if not self.there:
            raise MissingError("there are no numbers")
        self.train_set = Numbers()


class Numbers(torch.utils.data.Dataset[Tensor]):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, key: tuple[int, int]) -> Tensor:
        return torch.tensor(float(key[1]))
