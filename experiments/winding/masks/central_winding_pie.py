"""A wedge of the image that opens along the layers, from the centre of the fitted mesh outwards.

Reads `state["xy_ema"]` (N, R, C, 2) and `state["xy_conn_ema"]` (N, R, C, 3, 2: left neighbour,
self, right neighbour), positions (x, y) in pixels. Two rows of the central column, equally far
from its middle, carry a line along the connection left -> right; the mask is the part of the image
between both lines that contains the middle. Lines that cross inside the image give a triangle,
others a strip or pie. Where the layers turn by more than half a circle between the two rows, the
part between the lines is the union of two half-planes instead of their intersection, and from a
whole turn on it is everything. `docs`: experiments/winding/README.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from launch.errors import LaunchError
from launch.experiments.winding.masks.rasterise import Plane, wedge
from launch.masks.progress import Growth, check_ramp, progress

Column = np.ndarray  # R numbers x + i y
SHORTEST = 1e-6  # pixels; below, a vector has no direction
UNBOUND: Plane = (0.0, 0.0, 0.0)


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
    growth: Growth | Literal["adaptive"] = "linear"
    residual_limit: PositiveFloat = 0.1
    residual_segs: PositiveInt = 3
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_ramp(self.ramp_start_it, self.ramp_stop_it)

    def generate(
        self, iteration: int, state: Mapping[str, Any], size: tuple[int, int], device: torch.device
    ) -> Tensor:
        """The mask (N, 1, h, w), coarser than the image where its blur allows."""
        slices, rows, _, _ = state["xy_ema"].shape
        shares = self.shares(iteration, state)
        if self.open_at_end and min(shares) >= 1:
            return torch.ones((), device=device).expand(slices, 1, *size)
        ends = self.ends(rows, shares)
        columns = zip(*self.central_column(state), strict=True)
        pairs = [half_planes(column, links, ends) for column, links in columns]
        planes, reflex = zip(*pairs, strict=True)
        self.count_undirected(planes)
        return self.keep_last(*wedge(planes, reflex, size, self.blur_sigma, device))

    def central_column(self, state: Mapping[str, Tensor]) -> tuple[Column, Column]:
        """Positions and left-to-right links of the central column, (N, R) each."""
        xy, conn = (state[name].numpy(force=True) for name in ("xy_ema", "xy_conn_ema"))
        place = min(max(xy.shape[2] // 2 + self.center_off[0], 0), xy.shape[2] - 1)
        column = complex_numbers(xy[:, :, place])
        links = complex_numbers(conn[:, :, place, 2] - conn[:, :, place, 0])
        if not np.isfinite(column.sum() + links.sum()):
            raise LaunchError(
                "central_winding_pie_ema: the averaged mesh is not finite, so the fit has "
                "diverged; lower the stage's lr"
            )
        return column, links

    def ends(self, rows: int, shares: tuple[float, float]) -> tuple[float, float, float]:
        """Fractional rows of the lower boundary, the middle and the upper boundary."""
        last = rows - 1
        middle = min(max(last / 2 + self.center_off[1], 0.0), float(last))
        half = self.size_at_start(last) / 2
        low, high = max(0.0, middle - half), min(float(last), middle + half)
        return low * (1 - shares[0]), middle, high + shares[1] * (last - high)

    def size_at_start(self, last: int) -> float:
        """Segments that the wedge spans before it grows, of `last`."""
        return min(max(self.start_size_segs, 1.0), float(last))

    def spans(self, state: Mapping[str, Tensor]) -> dict[str, tuple[float, float]]:
        """How large it is before and after its growth, in segments of the central column."""
        last = state["xy_ema"].shape[1] - 1
        return {"segments": (self.size_at_start(last), float(last))}

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

    def count_undirected(self, planes: Sequence[Sequence[Plane]]) -> None:
        """Counts boundaries without a direction, which bound nothing; a fit warns of them."""
        undirected = sum(pair.count(UNBOUND) for pair in planes)
        self.memory["undirected"] = int(self.memory.get("undirected", 0)) + undirected

    def keep_last(self, mask: Tensor, missed: list[bool]) -> Tensor:
        """The mask, but slices whose wedge missed the image keep their last one, or ones."""
        if any(missed):
            last = self.memory.get("last")
            if last is None or last.shape != mask.shape:
                last = torch.ones_like(mask)
            keep = torch.tensor(missed, device=mask.device).view(-1, 1, 1, 1)
            mask = torch.where(keep, last.to(mask.device), mask)
        self.memory["last"] = mask
        return mask


def advance(
    memory: dict[str, Any], iteration: int, pace: float, blocked: tuple[bool, ...]
) -> tuple[float, ...]:
    """Progress of fronts that wait: each gains `pace` per iteration unless it is blocked.

    `memory` keeps the positions, so that a front depends on what it saw and not on the iteration
    alone; asking twice for one iteration moves nothing.
    """
    fronts = tuple(memory.get("fronts", (0.0,) * len(blocked)))
    elapsed = iteration - memory.get("seen", iteration)
    if elapsed > 0:
        moved = pace * elapsed
        fronts = tuple(
            front if wait else min(1.0, front + moved)
            for front, wait in zip(fronts, blocked, strict=True)
        )
    memory["fronts"], memory["seen"] = list(fronts), iteration
    return fronts


def complex_numbers(points: np.ndarray) -> Column:
    """Points (N, R, 2) as x + i y."""
    return points.astype(float).view(complex)[..., 0]


def half_planes(
    column: Column, links: Column, ends: tuple[float, float, float]
) -> tuple[list[Plane], bool]:
    """Both half-planes `a x + b y + c >= 0` that keep the middle, and how they combine.

    Args:
        column, links: R numbers x + i y.
        ends: fractional rows of the lower boundary, the middle and the upper boundary.

    Returns:
        The two, and whether a pixel needs only one of them.
    """
    low, middle, high = ends
    across = directions(column, links)
    turn = abs(turned(across, low, high))
    if turn >= 2 * math.pi:
        return [(0.0, 0.0, 1.0)] * 2, False
    (lower, rise), (upper, fall) = at_row(column, low), at_row(column, high)
    reflex = turn > math.pi
    centre = at_row(column, middle)[0]
    first = (rise, rise) if reflex else (centre - lower, upper - lower)
    second = (-fall, -fall) if reflex else (centre - upper, lower - upper)
    planes = [
        half_plane(lower, at_row(across, low)[0], *first),
        half_plane(upper, at_row(across, high)[0], *second),
    ]
    return planes, reflex


def half_plane(bound: complex, along: complex, inwards: complex, otherwise: complex) -> Plane:
    """What is on the side `inwards` of the line through `bound`; 0, 0, 0 without a direction.

    Where `inwards` runs along the line, `otherwise` decides.
    """
    if abs(along) < SHORTEST:
        return UNBOUND
    normal = 1j * along / abs(along)
    if (dot(normal, inwards) or dot(normal, otherwise)) < 0:
        normal = -normal
    return normal.real, normal.imag, -dot(normal, bound)


def dot(a: complex, b: complex) -> float:
    return a.real * b.real + a.imag * b.imag


def directions(column: Column, links: Column) -> Column:
    """The links; one without length is replaced by what is perpendicular to the column.

    On the side of the others: left and right of a column change places in a mirrored mesh.
    """
    short = np.abs(links) <= SHORTEST
    if not short.any():
        return links
    across = -1j * np.gradient(column)
    mirrored = (links * across.conj()).real.sum() < 0
    return np.where(short, -across if mirrored else across, links)


def turned(across: Column, low: float, high: float) -> float:
    """The angle by which directions turn from one fractional row to another, in radians."""
    first, last = int(low), min(int(high), len(across) - 2)
    steps = np.angle(across[first + 1 : last + 2] * across[first : last + 1].conj())
    whole = steps[:-1].sum()
    return float(whole - (low - first) * steps[0] + (high - last) * steps[-1])


def at_row(values: Column, row: float) -> tuple[complex, complex]:
    """Value and slope at a fractional row."""
    first = min(int(row), len(values) - 2)
    start, stop = values[first : first + 2].tolist()
    slope = stop - start
    return start + (row - first) * slope, slope
