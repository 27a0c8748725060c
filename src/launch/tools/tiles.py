"""Networks over large pictures in tiles, so that memory depends on the tile, not on the picture.

# N images, C and K channels, h w height and width, s the scale (1 where the size is kept)
"""

import math
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

CONTEXT_SHARE = 0.625
SHORTEST_FADE = 1e-3


def tiled(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    scale: int = 1,
    tile: int = 256,
    overlap: int = 32,
    wrap: bool = False,
) -> Tensor:
    """Apply `network`, (N, C, h, w) -> (N, K, sh, sw), to tiles and blend them.

    The outer 5/8 of the overlap (20 of 32 pixels) only feed the network, so that the result is
    that of the whole picture for one which looks no further: 18 convolutions of 3x3 look 18
    pixels far. Networks that look further fade from one tile into the next.

    Args:
        tile: side of a tile in low-resolution pixels, overlap included.
        overlap: low-resolution pixels on each side of a tile beyond the part that is its own.
        wrap: opposite edges continue each other, as in textures that tile.

    Raises:
        ValueError: if nothing would be left of a tile between its overlaps.
    """
    if tile <= 2 * overlap:
        raise ValueError(f"a tile must be larger than twice its overlap, got {tile} and {overlap}")
    if wrap:
        inner = [slice(scale * overlap, scale * (overlap + side)) for side in images.shape[-2:]]
        return tiled(network, wrapped(images, overlap), scale, tile, overlap)[..., *inner]
    height, width = images.shape[-2:]
    if max(height, width) <= tile:
        return network(images).to(images)
    result = images.new_zeros(0)
    tile_height, tile_width = min(tile, height), min(tile, width)
    rows = tile_weights(height, tile_height, overlap, scale)
    columns = tile_weights(width, tile_width, overlap, scale)
    for (top, down), (left, across) in product(rows, columns):
        patch = network(images[..., top : top + tile_height, left : left + tile_width])
        if not result.numel():
            result = images.new_zeros(*patch.shape[:-2], height * scale, width * scale)
        y, x = top * scale, left * scale
        target = result[..., y : y + len(down), x : x + len(across)]
        target += patch.to(result) * down[:, None].to(result) * across.to(result)
    return result


def wrapped(images: Tensor, margin: int) -> Tensor:
    """With `margin` pixels of the opposite edge on every side."""
    rows, columns = (torch.arange(-margin, side + margin) % side for side in images.shape[-2:])
    return images[..., rows[:, None], columns]


def tile_weights(size: int, tile: int, overlap: int, scale: int) -> list[tuple[int, Tensor]]:
    """The tiles along one axis: where each starts, and what its enlarged pixels count.

    The weights of all tiles sum to 1 at every pixel. At the border of the picture they stay 1.
    """
    starts = torch.tensor(_starts(size, tile, overlap))[:, None]
    positions = (torch.arange(size * scale) + 0.5) / scale
    before = torch.where(starts > 0, positions - starts, torch.inf)
    after = torch.where(starts + tile < size, starts + tile - positions, torch.inf)
    context = CONTEXT_SHARE * overlap
    fade = max(2 * (overlap - context), SHORTEST_FADE)
    weights = ((torch.minimum(before, after) - context) / fade).clamp(0, 1)
    weights /= weights.sum(dim=0)
    spans = [(int(start), int(start) * scale) for start in starts[:, 0]]
    return [
        (start, row[first : first + tile * scale])
        for (start, first), row in zip(spans, weights, strict=True)
    ]


def _starts(size: int, tile: int, overlap: int) -> list[int]:
    """Evenly spaced, first at 0 and last at the end; neighbours share twice the overlap or more."""
    if size <= tile:
        return [0]
    count = math.ceil((size - 2 * overlap) / (tile - 2 * overlap))
    return [round(i * (size - tile) / (count - 1)) for i in range(count)]
