"""A band around the central winding that grows across windings.

Reads `state["xy_ema"]` (N, R, C, 2). The band lies between two fractional columns of the averaged
mesh, so it bends with the layers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat
from torch import Tensor

from launch.masks.progress import Growth, check_ramp, progress
from launch.masks.rasterise import filled, soften


@dataclass(frozen=True)
class ColumnAnnulus:
    """`type: column_annulus`.

    | key           | unit      | meaning                                                      |
    |---------------|-----------|--------------------------------------------------------------|
    | ramp_start_it, ramp_stop_it | iteration | the band widens between these                  |
    | start_columns | windings  | width at the start; at the end half a winding beyond the mesh |
    | blur_sigma    | pixels    | Gaussian blur of the edge                                    |
    | open_at_end   |           | ones over the whole image once the band is at its widest     |

    Drawn by OpenCV: on a GPU this copies the mesh to the host once per drawing.

    Raises:
        ConfigError: when `ramp_stop_it < ramp_start_it`.
    """

    ramp_start_it: NonNegativeInt
    ramp_stop_it: NonNegativeInt
    start_columns: PositiveFloat = 1.0
    blur_sigma: NonNegativeFloat = 0.0
    open_at_end: bool = True
    growth: Growth = "linear"
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_ramp(self.ramp_start_it, self.ramp_stop_it)

    def generate(
        self, iteration: int, state: Mapping[str, Any], size: tuple[int, int], device: torch.device
    ) -> Tensor:
        """The mask (N, 1, H, W)."""
        xy = state["xy_ema"]
        share = progress(iteration, self.ramp_start_it, self.ramp_stop_it, self.growth)
        if share >= 1 and self.open_at_end:
            return torch.ones(xy.shape[0], 1, *size, device=device)
        columns = xy.shape[2]
        width = self.start_columns + share * (columns - self.start_columns)
        middle = columns // 2
        drawn = np.empty((xy.shape[0], 1, *size), np.float32)
        for image, mesh in zip(drawn[:, 0], xy.cpu().numpy(), strict=True):
            soften(filled(self.outline(mesh, middle, width), size), image, self.blur_sigma)
        return torch.from_numpy(drawn).to(device)

    def outline(self, mesh: np.ndarray, middle: int, width: float) -> np.ndarray:
        """The polygon between two fractional columns of a mesh (R, C, 2)."""
        left = column_at(mesh, middle - width / 2)
        right = column_at(mesh, middle + width / 2)
        return np.concatenate([left, right[::-1]])


def column_at(mesh: np.ndarray, place: float) -> np.ndarray:
    """The polyline (R, 2) of a fractional column, extended straight beyond the first and last."""
    first = int(np.clip(np.floor(place), 0, mesh.shape[1] - 2))
    return mesh[:, first] + (place - first) * (mesh[:, first + 1] - mesh[:, first])
