"""`task=predict`: a folder of game textures to a folder of maps.

What a pixel is made of is decided once, on the whole picture; the maps are then made in tiles
that fade into each other. Textures that tile are processed on the torus, so that their maps tile.

# N images, H W height and width, T side of a tile
"""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from launch.experiments.pbr import textures
from launch.experiments.pbr.decoding import Loaded
from launch.experiments.pbr.layers import SCALARS
from launch.experiments.pbr.sources import Entry, GameFolder
from launch.experiments.pbr.textures import UnreadableTextureError
from rich.progress import track
from torch import Tensor

TILE = 1024
WHOLE = 1024  # longer side of the picture on which classes are decided
MULTIPLE = 32
SEAM = 1.25  # step over the edge of a tileable texture, against the largest inside

Convert = Callable[[Tensor, Tensor | None], Tensor]
Condition = Callable[[Tensor], Tensor | None]


def convert_folder(
    convert: Convert, condition: Condition, source: Path, destination: Path
) -> dict[str, float]:
    """Write albedo, four maps and a packed rmaos for every texture below a folder.

    A texture that cannot be read is named and counted, and stops nothing.

    Returns:
        `textures`, `failed`, and `tileable` among the former.
    """
    done = failed = tileable = 0
    for entry in track(GameFolder(source).entries(), description="converting"):
        try:
            loaded = entry.read()
        except (UnreadableTextureError, ValueError, OSError) as error:
            print(f"left out {entry.name}: {error}", flush=True)
            failed += 1
            continue
        image = stacked(loaded)
        wraps = is_tileable(image)
        write(entry, convert_texture(convert, condition, image, wraps), destination)
        done, tileable = done + 1, tileable + wraps
    return {"textures": done, "failed": failed, "tileable": tileable}


def stacked(loaded: Loaded) -> Tensor:
    """Diffuse and normal of one texture, (1, 6, H, W)."""
    planes = np.concatenate([loaded.maps["diffuse"], loaded.maps["normal"]], axis=-1)
    return torch.from_numpy(np.ascontiguousarray(planes.transpose(2, 0, 1), np.float32))[None]


def write(entry: Entry, maps: Tensor, destination: Path) -> None:
    planes = maps[0].permute(1, 2, 0).numpy()
    result = {"albedo": planes[..., :3]}
    result |= {name: planes[..., 3 + i] for i, name in enumerate(SCALARS)}
    rough, metal, ao = (result[name] for name in ("roughness", "metallic", "ao"))
    result["rmaos"] = np.stack([rough, metal, ao, np.ones_like(ao)], axis=-1)
    for name, values in result.items():
        textures.write(destination / f"{entry.name}_{name}.png", values)


def is_tileable(image: Tensor) -> bool:
    """Whether opposite edges of the diffuse continue each other, in both directions."""
    colour = image[0, :3]
    ratios = []
    for axis in (1, 2):
        inside = colour.diff(dim=axis).abs().mean(dim=(0, 3 - axis)).max()
        edges = colour.select(axis, 0) - colour.select(axis, -1)
        ratios.append(float(edges.abs().mean() / (inside + 1e-6)))
    return max(ratios) < SEAM


def convert_texture(
    convert: Convert, condition: Condition, image: Tensor, wraps: bool, tile: int = TILE
) -> Tensor:
    """Maps (1, 7, H, W) of one texture of any size.

    Args:
        wraps: process on the torus.
    """
    size = image.shape[-2:]
    sides = [min(tile, multiple_of(side, MULTIPLE)) for side in size]
    steps = [side // 2 for side in sides]
    fitted = [multiple_of(n, step) for n, step in zip(size, steps, strict=True)]
    context = condition(resized(image, whole_size(size)))
    planes = [resized(image, fitted)]
    if context is not None:
        planes.append(resized(context.to(image), fitted))
    result = tiled(convert, torch.cat(planes, dim=1), sides, wraps)
    return resized(result, size)


def tiled(convert: Convert, planes: Tensor, sides: list[int], wraps: bool) -> Tensor:
    """Overlapping tiles, half a tile apart, weighted by Hann windows that add up to 1.

    On the torus a shift of the input by half a tile shifts the output.
    """
    height, width = planes.shape[-2:]
    window = hann(sides[0])[:, None] * hann(sides[1])
    rows = starts(height, sides[0], wraps)
    columns = starts(width, sides[1], wraps)
    total, weight = torch.zeros(1, 7, height, width), torch.zeros(height, width)
    for top, left in product(rows, columns):
        y = (top + torch.arange(sides[0])) % height
        x = (left + torch.arange(sides[1])) % width
        part = planes[..., y[:, None], x]
        maps = convert(part[:, :6], part[:, 6:] if part.shape[1] > 6 else None)
        total[..., y[:, None], x] += maps * window
        weight[y[:, None], x] += window
    return total / weight


def starts(size: int, side: int, wraps: bool) -> range:
    """Where tiles begin: all around a torus, or from edge to edge."""
    return range(0, size if wraps else size - side + 1, side // 2)


def hann(side: int) -> Tensor:
    """Periodic; two of them half a side apart add up to 1. Never quite 0."""
    return torch.sin(torch.pi * (torch.arange(side) + 0.5) / side) ** 2


def multiple_of(size: int, step: int) -> int:
    """The nearest multiple, at least one."""
    return max(1, round(size / step)) * step


def whole_size(size: torch.Size) -> list[int]:
    scale = min(1.0, WHOLE / max(size))
    return [multiple_of(round(side * scale), MULTIPLE) for side in size]


def resized(image: Tensor, size: list[int] | torch.Size) -> Tensor:
    if list(image.shape[-2:]) == list(size):
        return image
    shrinks = size[0] < image.shape[-2]
    return F.interpolate(image, tuple(size), mode="bilinear", antialias=shrinks)
