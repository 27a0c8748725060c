"""A module with a mesh and data of 12 samples, for what a plan asks of both."""

from typing import Any

import torch
from torch import Tensor, nn

from launch.errors import MissingError
from launch.train.data import ScheduledDataModule
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses


class Meshed(ScheduledModule):
    """A strip of 33 rows and 7 columns, upright in an image of 64 x 64 pixels."""

    def __init__(self, losses: ScheduledLosses) -> None:
        super().__init__(losses)
        self.weight = nn.Parameter(torch.zeros(1))

    def mask_state(self, batch: Any) -> dict[str, Any]:
        y, x = torch.meshgrid(torch.linspace(0, 63, 33), torch.linspace(8, 56, 7), indexing="ij")
        xy = torch.stack([x, y], -1)[None]
        step = torch.tensor([8.0, 0.0])
        links = torch.stack([xy - step, xy, xy + step], 3)
        return {"xy_ema": xy, "xy_conn_ema": links, "size": (64, 64)}


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
