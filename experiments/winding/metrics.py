"""How good a fit is: against the truth in windings and pixels, or by itself where there is none.

Symbols: N slices, R rows, C columns.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from launch.masks.scheduled import sample

SLIP = 0.5  # windings; beyond this a vertex sits on the wrong layer


@dataclass(frozen=True)
class Comparison:
    """Signed winding error of every vertex, after one gauge and orientation for the whole stack.

    Attributes:
        error: (N, R, C) in windings; NaN outside the image.
        pixels: its absolute value times the local pitch.
        orientation: +1 when windings grow with the column, else -1.
    """

    error: Tensor
    pixels: Tensor
    orientation: int


def compare(xy: Tensor, winding: Tensor) -> Comparison:
    """Vertices (N, R, C, 2) against the true winding position (N, 1, H, W).

    `e = w - s j - k`: column j, orientation s, and one whole number k for all slices, the rounded
    median over their three central rows: a column is one layer of the scroll, whichever slice it is
    seen in. A fraction is never fitted away, for it would hide a phase error.
    """
    seen = in_image(xy, winding.shape[-2:])
    found = torch.where(seen, sample(winding, xy)[:, 0], torch.nan)
    pitch = 1 / sample(slope(winding), xy)[:, 0].clamp_min(1e-6)
    number = torch.arange(xy.shape[2], device=xy.device, dtype=xy.dtype)
    middle = slice(max(0, xy.shape[1] // 2 - 1), xy.shape[1] // 2 + 2)
    falling = found[:, middle].diff(dim=2).nanmedian() < 0
    orientation = -1 if falling else 1
    error = found - orientation * number
    error = error - error[:, middle].nanmedian().round()
    return Comparison(error, error.abs() * pitch, orientation)


def truth_metrics(xy: Tensor, winding: Tensor) -> dict[str, float]:
    """The numbers of a run on data with truth; vertices outside the image do not count.

    | name              | meaning                                                            |
    |-------------------|--------------------------------------------------------------------|
    | slip_rate         | share of vertices more than half a winding off                     |
    | slip_rate_centre, slip_rate_ends | the same in the central third of the rows, and elsewhere |
    | error_px_median, error_px_p95, error_px_rmse | distance from the right layer             |
    | phase_error_px    | median distance of unslipped vertices from their layer             |
    | spacing_error     | mean of `|w(right) - w(left)| / 2 - 1` over inner columns          |
    | orientation       | +1 or -1, a free choice of the fit                                 |
    | switch_rate       | of stacks: share of neighbours in two slices on different layers   |
    """
    result = compare(xy, winding)
    seen = ~torch.isnan(result.error)
    slipped = result.error.abs() > SLIP
    pixels = result.pixels[seen]
    third = torch.zeros_like(seen)
    third[:, seen.shape[1] // 3 : -(seen.shape[1] // 3)] = True
    fitted = result.pixels[seen & ~slipped]
    spread = (result.error + result.orientation * torch.arange(seen.shape[2])).diff(dim=2)
    numbers = {
        "slip_rate": share(slipped, seen),
        "slip_rate_centre": share(slipped, seen & third),
        "slip_rate_ends": share(slipped, seen & ~third),
        "error_px_median": quantile(pixels, 0.5),
        "error_px_p95": quantile(pixels, 0.95),
        "error_px_rmse": float(pixels.square().mean().sqrt()),
        "phase_error_px": quantile(fitted, 0.5),
        "spacing_error": float(spread.abs().nanmean()) - 1,
        "orientation": float(result.orientation),
    }
    if len(xy) > 1:
        numbers["switch_rate"] = switch_rate(result.error)
    return numbers


def switch_rate(error: Tensor) -> float:
    """Share of the pairs of a vertex and itself in the next slice that are on different layers.

    Of errors (N, R, C) in windings; more than half a winding apart is another layer.
    """
    apart = error.diff(dim=0).abs()
    return share(apart > SLIP, ~apart.isnan())


def shape_metrics(xy: Tensor, valid: Tensor) -> dict[str, float]:
    """What needs no truth; `valid` is (N, 1, H, W).

    | name          | meaning                                                    |
    |---------------|------------------------------------------------------------|
    | folded_cells  | cells whose orientation differs from the majority          |
    | coverage      | share of vertices inside the image and on valid data       |
    | row_step_ratio| 5th over 95th percentile of the step along the rows        |
    """
    steps = (xy[:, 1:] - xy[:, :-1]).norm(dim=-1).flatten()
    return {
        "folded_cells": float(folded(xy).sum()),
        "coverage": float((sample(valid, xy) > 0.5).float().mean()),
        "row_step_ratio": quantile(steps, 0.05) / max(quantile(steps, 0.95), 1e-6),
    }


def folded(xy: Tensor) -> Tensor:
    """Cells (N, R-1, C-1) whose signed area has the other sign than most."""
    along, across = xy[:, 1:, :-1] - xy[:, :-1, :-1], xy[:, :-1, 1:] - xy[:, :-1, :-1]
    area = across[..., 0] * along[..., 1] - across[..., 1] * along[..., 0]
    return area * area.median() < 0


def slope(field: Tensor) -> Tensor:
    """Length of the gradient of (N, 1, H, W), per pixel."""
    change_y, change_x = torch.gradient(field, dim=(2, 3))
    return torch.hypot(change_x, change_y)


def in_image(xy: Tensor, size: tuple[int, ...]) -> Tensor:
    """Whether positions (..., 2) lie in an image of (H, W)."""
    x, y = xy.unbind(-1)
    return (x >= 0) & (x <= size[1] - 1) & (y >= 0) & (y <= size[0] - 1)


def share(part: Tensor, whole: Tensor) -> float:
    """Share of `whole` that is also in `part`; NaN when `whole` is empty."""
    return float((part & whole).sum()) / max(int(whole.sum()), 1) if whole.any() else float("nan")


def quantile(values: Tensor, level: float) -> float:
    """Quantile of a flat tensor; NaN when it is empty."""
    return float(values.quantile(level)) if values.numel() else float("nan")
