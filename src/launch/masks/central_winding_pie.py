"""A wedge of the image that opens along the layers, from the centre of the fitted mesh outwards.

Reads `state["xy_ema"]` (N, R, C, 2) and `state["xy_conn_ema"]` (N, R, C, 3, 2: left neighbour,
self, right neighbour), positions (x, y) in pixels. Two rows of the central column, equally far
from its middle, carry a line along the connection left -> right; the mask is the part of the image
between both lines that contains the middle. Lines that cross inside the image give a triangle,
others a strip or pie. `docs`: experiments/winding/README.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from launch.errors import LaunchError
from launch.masks.progress import GrowthOrAdaptive, advance, check_ramp, progress
from launch.masks.rasterise import wedge


@dataclass(frozen=True)
class CentralWindingPie:
    """`type: central_winding_pie_ema`.

    | key             | unit     | meaning                                                      |
    |-----------------|----------|--------------------------------------------------------------|
    | ramp_start_it   | iteration| up to here the wedge spans `start_size_segs`                 |
    | ramp_stop_it    | iteration| from here on it spans the whole column                       |
    | start_size_segs | segments | length along the central column; held within [1, R - 1]      |
    | blur_sigma      | pixels   | Gaussian blur of the edge, which then lies at 0.5            |
    | center_off      | [columns, rows] | moves the middle; each end still reaches its own end  |
    | open_at_end     |          | exact ones once both ends are reached; false leaves the wedge |
    | growth          |          | linear, cosine, or adaptive: each end waits while ...         |
    | residual_limit  |          | ... the residual just behind it is above this                 |
    | residual_segs   | segments | how far "just behind" reaches                                 |

    Adaptive growth reads `state["residual"]` (N, R, C), and never outruns the linear ramp.

    Raises:
        ConfigError: when `ramp_stop_it < ramp_start_it`.
    """

    ramp_start_it: NonNegativeInt
    ramp_stop_it: NonNegativeInt
    start_size_segs: PositiveFloat
    blur_sigma: NonNegativeFloat = 0.0
    center_off: tuple[int, int] = (0, 0)
    open_at_end: bool = True
    growth: GrowthOrAdaptive = "linear"
    residual_limit: PositiveFloat = 0.1
    residual_segs: PositiveInt = 3
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_ramp(self.ramp_start_it, self.ramp_stop_it)

    def generate(
        self, iteration: int, state: Mapping[str, Any], size: tuple[int, int], device: torch.device
    ) -> Tensor:
        """The mask (N, 1, H, W)."""
        column, links = self.central_column(state)
        shares = self.shares(iteration, state)
        if self.open_at_end and min(shares) >= 1:
            return torch.ones(column.shape[0], 1, *size, device=device)
        planes = self.half_planes(column, links, shares)
        self.count_undirected(planes)
        return self.keep_last(wedge(planes, size, self.blur_sigma))

    def central_column(self, state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Positions and left-to-right links of the central column, each (N, R, 2)."""
        xy, conn = state["xy_ema"], state["xy_conn_ema"]
        place = min(max(xy.shape[2] // 2 + self.center_off[0], 0), xy.shape[2] - 1)
        column, ends = xy[:, :, place], conn[:, :, place]
        if column.device.type == "cpu" and not (column.sum() + ends.sum()).isfinite():
            raise LaunchError(
                "central_winding_pie_ema: the averaged mesh is not finite, so the fit has "
                "diverged; lower the stage's lr"
            )
        return column, ends[:, :, 2] - ends[:, :, 0]

    def ends(self, rows: int, shares: tuple[float, float]) -> tuple[float, float, float]:
        """Fractional rows of the lower boundary, the middle and the upper boundary."""
        last = rows - 1
        middle = min(max(last / 2 + self.center_off[1], 0.0), float(last))
        half = min(max(self.start_size_segs, 1.0), last) / 2
        low, high = max(0.0, middle - half), min(float(last), middle + half)
        return low * (1 - shares[0]), middle, high + shares[1] * (last - high)

    def shares(self, iteration: int, state: Mapping[str, Tensor]) -> tuple[float, float]:
        """Progress of both ends."""
        start, stop = self.ramp_start_it, self.ramp_stop_it
        if self.growth != "adaptive":
            share = progress(iteration, start, stop, self.growth)
            return share, share
        limit = progress(iteration, start, stop)
        waiting = self.waiting(state["residual"]) if limit > 0 else (True, True)
        low, high = advance(self.memory, iteration, 1 / max(stop - start, 1), waiting)
        return min(low, limit), min(high, limit)

    def waiting(self, residual: Tensor) -> tuple[bool, bool]:
        """Which end has a high residual in its last `residual_segs` segments."""
        fronts = self.memory.get("fronts", (0.0, 0.0))
        low, _, high = self.ends(residual.shape[1], (fronts[0], fronts[1]))
        first, last, band = round(low), round(high), self.residual_segs
        behind = (residual[:, first : first + band + 1], residual[:, last - band : last + 1])
        worst = torch.stack([rows.nanmean() for rows in behind]).nan_to_num(0.0)
        below, above = (worst > self.residual_limit).tolist()
        return below, above

    def half_planes(self, column: Tensor, links: Tensor, shares: tuple[float, float]) -> Tensor:
        """Both half-planes `a x + b y + c >= 0` that keep the middle, (N, 2, 3)."""
        low, middle, high = self.ends(column.shape[1], shares)
        place, slope = at_rows(torch.cat([column, links], -1), (low, high, middle))
        bounds, centre = place[:, :2, :2], place[:, 2:, :2]
        across = usable(place[:, :2, 2:], turned(slope[:, :2, :2]))
        normal = torch.nn.functional.normalize(turned(across), dim=-1)
        side = (normal * (centre - bounds)).sum(-1, keepdim=True)
        other = (normal * (bounds.flip(1) - bounds)).sum(-1, keepdim=True)
        normal = normal * torch.where(torch.where(side == 0, other, side) < 0, -1.0, 1.0)
        return torch.cat([normal, -(normal * bounds).sum(-1, keepdim=True)], -1)

    def count_undirected(self, planes: Tensor) -> None:
        """Counts boundaries without a direction, which bound nothing; a fit warns of them."""
        undirected = (planes[..., :2] == 0).all(-1).sum()
        self.memory["undirected"] = self.memory.get("undirected", 0) + undirected

    def keep_last(self, mask: Tensor) -> Tensor:
        """Slices whose wedge misses the image keep their last mask, or ones."""
        drawn = mask.amax((1, 2, 3), keepdim=True) > 0
        if mask.device.type != "cpu" or not drawn.all():
            last = self.memory.get("last")
            if last is None or last.shape != mask.shape:
                last = torch.ones_like(mask)
            mask = torch.where(drawn, mask, last.to(mask.device))
        self.memory["last"] = mask
        return mask


def at_rows(values: Tensor, rows: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Values (N, R, K) and their slopes at fractional rows, each (N, len(rows), K)."""
    first = torch.tensor([min(int(row), values.shape[1] - 2) for row in rows], device=values.device)
    share = torch.tensor(rows, device=values.device, dtype=values.dtype) - first
    start = values[:, first]
    slope = values[:, first + 1] - start
    return start + share[:, None] * slope, slope


def turned(vector: Tensor) -> Tensor:
    """A vector (..., 2) turned by 90 degrees."""
    return torch.stack([-vector[..., 1], vector[..., 0]], -1)


def usable(vector: Tensor, instead: Tensor) -> Tensor:
    """`vector` where it has a length, else `instead`."""
    return torch.where(vector.square().sum(-1, keepdim=True) > 1e-12, vector, instead)
