"""A disc that grows in the image: the simplest scheduled mask, for any scenario with images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt
from torch import Tensor

from launch.masks.progress import Growth, check_ramp, progress

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Disc:
    """`type: disc`. 1 within the radius, 0 outside, a straight ramp of `softness` pixels between.

    | key                 | unit                  | meaning                                       |
    |---------------------|-----------------------|-----------------------------------------------|
    | ramp_start_it, ramp_stop_it | iteration     | the radius grows between these                |
    | start_radius, stop_radius   | half diagonals | 1 reaches the corners from the middle        |
    | centre              | [x, y] in [0, 1]      | share of width and height                     |
    | softness            | pixels                | width of the edge, 0.5 on the radius          |

    Raises:
        ConfigError: when `ramp_stop_it < ramp_start_it`.
    """

    ramp_start_it: NonNegativeInt
    ramp_stop_it: NonNegativeInt
    start_radius: NonNegativeFloat = 0.2
    stop_radius: NonNegativeFloat = 1.0
    centre: tuple[Share, Share] = (0.5, 0.5)
    softness: NonNegativeFloat = 4.0
    growth: Growth = "linear"
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_ramp(self.ramp_start_it, self.ramp_stop_it)

    def generate(
        self, iteration: int, state: Mapping[str, Any], size: tuple[int, int], device: torch.device
    ) -> Tensor:
        """The mask (1, 1, H, W)."""
        share = progress(iteration, self.ramp_start_it, self.ramp_stop_it, self.growth)
        radius = self.start_radius + share * (self.stop_radius - self.start_radius)
        return self.draw(radius, size, device)[None, None]

    def draw(self, radius: float, size: tuple[int, int], device: torch.device) -> Tensor:
        """A disc of `radius` half diagonals, (H, W)."""
        height, width = size
        y = torch.arange(height, device=device, dtype=torch.float32) - self.centre[1] * (height - 1)
        x = torch.arange(width, device=device, dtype=torch.float32) - self.centre[0] * (width - 1)
        half_diagonal = 0.5 * ((height - 1) ** 2 + (width - 1) ** 2) ** 0.5
        inside = radius * half_diagonal - torch.hypot(y[:, None], x)
        return (inside / max(self.softness, 1e-6) + 0.5).clamp(0, 1)
