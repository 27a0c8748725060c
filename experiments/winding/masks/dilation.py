"""A region that grows at constant speed from the centre of the fitted mesh, in all directions.

Reads `state["xy_ema"]` (N, R, C, 2) once, for the seed, and `state["valid"]` (N, 1, H, W) where
there is one: the region grows around invalid pixels, not through them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat
from torch import Tensor

from launch.tools.blur import gaussian


@dataclass(frozen=True)
class Dilation:
    """`type: dilation`.

    | key           | unit             | meaning                                              |
    |---------------|------------------|------------------------------------------------------|
    | ramp_start_it | iteration        | growth begins                                        |
    | velocity      | pixels/iteration | speed of the front; it moves by whole cells           |
    | start_radius  | pixels           | size at the beginning                                |
    | cell          | pixels           | edge of the squares the region consists of           |
    | blur_sigma    | cells            | softness of the front                                |

    The region is kept in `memory`, so the seed stays where it was when the mask was created.
    """

    velocity: PositiveFloat
    ramp_start_it: NonNegativeInt = 0
    start_radius: NonNegativeFloat = 20.0
    cell: PositiveFloat = 5.0
    blur_sigma: NonNegativeFloat = 1.0
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def generate(
        self, iteration: int, state: Mapping[str, Any], size: tuple[int, int], device: torch.device
    ) -> Tensor:
        """The mask (N, 1, h, w) of cells."""
        cells = (max(2, round(size[0] / self.cell)), max(2, round(size[1] / self.cell)))
        open_cells = passable(state.get("valid"), cells)
        if "region" not in self.memory:
            self.memory["region"] = self.seed(state["xy_ema"], size, cells, open_cells)
            self.memory["grown"] = 0
        self.grow(iteration, open_cells)
        return gaussian(self.memory["region"].to(device), self.blur_sigma)

    def seed(
        self, xy: Tensor, size: tuple[int, int], cells: tuple[int, int], open_cells: Tensor | None
    ) -> Tensor:
        """Cells within `start_radius` of the middle of the mesh, at least one; (N, 1, h, w)."""
        middle = xy[:, xy.shape[1] // 2, xy.shape[2] // 2].reshape(-1, 1, 1, 1, 2)
        y = torch.linspace(0, size[0] - 1, cells[0], device=xy.device)
        x = torch.linspace(0, size[1] - 1, cells[1], device=xy.device)
        distance = torch.hypot(y[:, None] - middle[..., 1], x - middle[..., 0])
        reach = distance.amin((2, 3), keepdim=True).clamp_min(self.start_radius)
        region = (distance <= reach).to(xy.dtype)
        return region if open_cells is None else torch.maximum(region * open_cells, distance <= 0)

    def grow(self, iteration: int, open_cells: Tensor | None) -> None:
        """Add the cells that the front has reached since it was last asked."""
        due = math.floor(max(0, iteration - self.ramp_start_it) * self.velocity / self.cell)
        region = self.memory["region"]
        for step in range(self.memory["grown"], due):
            region = ring(region, diagonal=step % 2 == 1)
            if open_cells is not None:
                region = region * open_cells
        self.memory.update(region=region, grown=max(due, self.memory["grown"]))


def ring(region: Tensor, diagonal: bool) -> Tensor:
    """One more cell: a square every other time, else a cross, which together make an octagon."""
    if diagonal:
        return F.max_pool2d(region, 3, stride=1, padding=1)
    across = F.max_pool2d(region, (1, 3), stride=1, padding=(0, 1))
    return torch.maximum(across, F.max_pool2d(region, (3, 1), stride=1, padding=(1, 0)))


def passable(valid: Tensor | None, cells: tuple[int, int]) -> Tensor | None:
    """Cells that hold any valid pixel, (N, 1, h, w)."""
    return None if valid is None else F.adaptive_max_pool2d(valid, cells)
