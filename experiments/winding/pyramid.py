"""A coarse-to-fine sum of residual grids, so that one Adam step can move many vertices together.

Each level is (N, K, rows, columns) and half the size of the next finer one. The value is rebuilt
from the coarsest level up: enlarge twofold, crop to the finer shape, add its residual.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def shapes(rows: int, columns: int, levels: int = 5) -> list[tuple[int, int]]:
    """Sizes from the finest level to the coarsest; none is smaller than 2."""
    sizes = [(rows, columns)]
    for _ in range(levels - 1):
        rows, columns = max(2, (rows + 1) // 2), max(2, (columns + 1) // 2)
        sizes.append((rows, columns))
    return sizes


def enlarge(coarse: Tensor, shape: Sequence[int]) -> Tensor:
    """Twofold bilinear enlargement, cropped to the last two entries of `shape`."""
    large = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=True)
    return large[..., : shape[-2], : shape[-1]]


def rebuild(levels: Sequence[Tensor]) -> Tensor:
    """The grid that the levels, finest first, stand for."""
    value = levels[-1]
    for residual in reversed(levels[:-1]):
        value = enlarge(value, residual.shape) + residual
    return value


def split(flat: Tensor, levels: int = 5) -> list[Tensor]:
    """Levels, finest first, whose `rebuild` is `flat` (N, K, rows, columns)."""
    grids = [flat]
    for shape in shapes(flat.shape[-2], flat.shape[-1], levels)[1:]:
        grids.append(F.interpolate(grids[-1], size=shape, mode="bilinear", align_corners=True))
    result, value = [grids[-1]], grids[-1]
    for grid in reversed(grids[:-1]):
        smooth = enlarge(value, grid.shape)
        result.append(grid - smooth)
        value = smooth + result[-1]
    return result[::-1]


def zeros(slices: int, channels: int, rows: int, columns: int, levels: int = 5) -> list[Tensor]:
    """Empty levels, finest first."""
    return [torch.zeros(slices, channels, *shape) for shape in shapes(rows, columns, levels)]
