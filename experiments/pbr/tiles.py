"""Maps of a whole texture in tiles that fade into each other.

Axes along which a texture tiles are processed on the torus, so that its maps tile. What depends on
all of a texture, its classes and its relief, is computed once, and each tile sees its part. Bytes
become floats one tile at a time; the maps gather in 16 bits.

# H W height and width; T side of a tile
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
import torch
from torch import Tensor

from launch.experiments.pbr.relief import integrated, slopes_of
from launch.experiments.pbr.seams import Axes
from launch.experiments.pbr.textures import BAND

TILE = 512
LARGEST = 4096  # longest period of which a relief is computed, for the memory that takes
WHOLE = 640  # longer side of the picture on which classes are decided
MARGIN = 64  # of that picture, around it, in pixels
BORDER = 1 / 16  # share of a tile that is seen of the mirror image of what does not tile
MULTIPLE = 32  # sides of what a network sees
FULL = 65535
CHANNELS = 7  # albedo, roughness, metallic, ao, height

Convert = Callable[[Tensor, Tensor | None, Tensor], Tensor]
Condition = Callable[[Tensor], Tensor | None]


@dataclass(frozen=True)
class Span:
    """A tile along one axis: pixels that are seen, pixels that are written, and their weights."""

    seen: np.ndarray
    written: np.ndarray
    weight: np.ndarray


def convert_tiles(
    convert: Convert, image: np.ndarray, context: Tensor | None, torus: Axes, tile: int = TILE
) -> np.ndarray:
    """Maps (7, H, W) in 16 bits of diffuse and normal, (H, W, 6) bytes, of any size.

    Args:
        convert: (1, 6, h, w), a condition and a relief (1, 1, h, w) -> (1, 7, h, w) in [0, 1].
        context: condition of the whole texture (1, C, h, w), of any size.
        torus: axes along which the texture tiles. A shift by half a tile shifts the maps; of a
            texture that fits into a tile, a shift by what the networks reduce, too.
    """
    height, width = size = image.shape[:2]
    total = np.zeros((CHANNELS, height, width), np.uint16)
    rows, columns = (spans(n, tile, wrap) for n, wrap in zip(size, torus, strict=True))
    relief = whole_relief(image, torus, tile)
    for y, x in product(rows, columns):
        part = network_input(image[y.seen[:, None], x.seen])
        seen = y.seen, x.seen
        condition = None if context is None else sampled(context, seen, size, torus)
        maps = convert(part, condition, sampled(relief, seen, size, torus))
        total[:, y.written[:, None], x.written] += _weighted(maps[0].float().cpu().numpy(), y, x)
    return total


def _weighted(maps: np.ndarray, y: Span, x: Span) -> np.ndarray:
    """The written part by its weights, in 16 bits; cut, so that a sum of weights 1 has room."""
    height, width = len(y.written), len(x.written)
    top, left = (maps.shape[1] - height) // 2, (maps.shape[2] - width) // 2
    inner = np.clip(maps[:, top : top + height, left : left + width], 0, 1)
    return (inner * (y.weight[:, None] * x.weight * FULL)).astype(np.uint16)


def spans(size: int, tile: int, wraps: bool) -> list[Span]:
    """Tiles along an axis, at most half of what they write apart, weighted by Hann windows.

    The weights add up to 1. What is seen beside the texture repeats it on a torus, and mirrors it
    otherwise: networks that pad with the opposite side then find the texture's own beside its edge.
    """
    border = 0 if wraps else round(tile * BORDER)
    length = min(tile - 2 * border, size)
    side = -(-(length + 2 * border) // MULTIPLE) * MULTIPLE
    if wraps:
        count = max(2, -(-2 * size // length))
        starts = np.arange(count) * size // count
    else:
        count = -(-2 * (size - length) // length) + 1
        starts = np.rint(np.linspace(0, size - length, count)).astype(int)
    written = [(start + np.arange(length)) % size for start in starts]
    window = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
    total = np.zeros(size)
    for places in written:
        total[places] += window
    seen = [start - (side - length) // 2 + np.arange(side) for start in starts]
    return [
        Span(s % size if wraps else mirrored(s, size), w, (window / total[w]).astype(np.float32))
        for s, w in zip(seen, written, strict=True)
    ]


def mirrored(places: np.ndarray, size: int) -> np.ndarray:
    """Places beyond the edges as their mirror images inside."""
    period = np.mod(places, 2 * size)
    return np.where(period < size, period, 2 * size - 1 - period)


def network_input(image: np.ndarray) -> Tensor:
    """Colour in [0, 1] and normals of length 1, (1, 6, h, w), of bytes (h, w, 6)."""
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    return torch.cat([planes[:, :3].float() / 255, unit(planes[:, 3:])], dim=1)


def unit(normal: Tensor) -> Tensor:
    """Normals of length 1, (N, 3, h, w), of bytes."""
    return torch.nn.functional.normalize(normal.float() / 127.5 - 1, dim=1)


def whole_relief(image: np.ndarray, torus: Axes, tile: int) -> Tensor:
    """Relief (1, 1, h, w) of diffuse and normal, (H, W, 6) bytes, without waves longer than a tile.

    Each tile by itself would have another one: waves that it cuts, and a spread of its own.
    """
    periods = (n if wraps else 2 * n for n, wraps in zip(image.shape[:2], torus, strict=True))
    scale = min(1.0, LARGEST / max(periods))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    normal = resized(image[..., 3:], (height, width))
    slopes = torch.empty(1, 2, height, width)
    for top in range(0, height, BAND):
        band = torch.from_numpy(normal[top : top + BAND]).permute(2, 0, 1)[None]
        slopes[:, :, top : top + BAND] = slopes_of(unit(band))
    longest = min(round(tile * scale), max(height, width))
    return integrated(slopes, torus, longest)


def context_of(condition: Condition, image: np.ndarray, torus: Axes) -> Tensor | None:
    """The condition of a whole texture, decided on a small picture of it.

    Along axes that tile the picture is seen twice, the second time shifted by half, and each view
    counts where it is far from its edges: classes depend on all that is seen, and would differ
    from one edge to the other.
    """
    height, width = image.shape[:2]
    scale = min(1.0, WHOLE / max(height, width))
    sides = [max(1, round(side * scale / MULTIPLE)) * MULTIPLE for side in (height, width)]
    small = resized(image, (sides[0], sides[1]))
    total = None
    for halves in product(*((0, 1) if wraps else (0,) for wraps in torus)):
        y, x = (half * side // 2 for half, side in zip(halves, sides, strict=True))
        view = _view(condition, np.roll(small, (-y, -x), (0, 1)), torus)
        if view is None:
            return None
        rows, columns = view.shape[-2:]
        shifts = (y * rows // sides[0], x * columns // sides[1])
        part = (view * _middle(view, torus)).roll(shifts, (-2, -1))
        total = part if total is None else total + part
    return total


def _view(condition: Condition, small: np.ndarray, torus: Axes) -> Tensor | None:
    """The condition of a picture that goes on beyond its edges, as it tiles or mirrored."""
    padded = small
    for axis, wraps in enumerate(torus):
        around = [(MARGIN, MARGIN) if axis == along else (0, 0) for along in range(3)]
        padded = np.pad(padded, around, mode="wrap" if wraps else "symmetric")
    context = condition(network_input(padded))
    if context is None:
        return None
    rows, columns = context.shape[-2:]
    top, left = MARGIN * rows // padded.shape[0], MARGIN * columns // padded.shape[1]
    return context[..., top : rows - top, left : columns - left].float().cpu()


def _middle(view: Tensor, torus: Axes) -> Tensor:
    """Weights (h, w) of a view, 0 at the edges of axes that tile; with those of views that are
    shifted by half they add up to 1.
    """
    rows, columns = (
        torch.sin(torch.pi * (torch.arange(n) + 0.5) / n) ** 2 if wraps else torch.ones(n)
        for n, wraps in zip(view.shape[-2:], torus, strict=True)
    )
    return rows[:, None] * columns


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bytes (H, W, C) at another size, averaged where that is smaller."""
    if image.shape[:2] == size:
        return image
    kind = (
        cv2.INTER_AREA if size[0] * size[1] < image.shape[0] * image.shape[1] else cv2.INTER_LINEAR
    )
    parts = [image[..., i : i + 3] for i in range(0, image.shape[-1], 3)]
    scaled = [
        cv2.resize(np.ascontiguousarray(part), size[::-1], interpolation=kind) for part in parts
    ]
    return np.concatenate([part.reshape(*size, -1) for part in scaled], axis=-1)


def sampled(
    context: Tensor, places: tuple[np.ndarray, np.ndarray], size: tuple[int, int], torus: Axes
) -> Tensor:
    """A context at pixels of the texture, (1, C, rows, columns), linear in between."""
    for dim, (index, length, wraps) in enumerate(zip(places, size, torus, strict=True), start=2):
        count = context.shape[dim]
        at = torch.from_numpy((index + 0.5) * count / length - 0.5)
        low = at.floor().long()
        share = (at - low).to(context).view(-1, *[1] * (3 - dim))
        ends = [low % count, (low + 1) % count]
        if not wraps:
            ends = [low.clamp(0, count - 1), (low + 1).clamp(0, count - 1)]
        first, second = (context.index_select(dim, end) for end in ends)
        context = first + (second - first) * share
    return context
