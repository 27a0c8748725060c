"""Grey slices as people have them: a picture, a TIFF of many pages, a folder of slices, OME-Zarr.

What the file does not say is assumed, and said: `Slices.assumed` holds one sentence for each. What
cannot be read right is refused by name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from launch.errors import ConfigError, MissingError
from launch.experiments.winding.channels import Image
from launch.experiments.winding.grey import TIFFS, grey_of, in_range
from launch.tools.names import files_below

PICTURES = (".png", *TIFFS, ".jpg", ".jpeg", ".bmp", ".webp", ".jp2")
CUBE = 1.01  # the longest side of a voxel over the shortest
MOST = 32  # slices that are read without having been asked for


@dataclass(frozen=True)
class Slices:
    """A stack of N grey slices.

    Attributes:
        grey: (N, H, W) float32 in [0, 1].
        z: full-resolution position of each; None where it is not known.
        scale: full-resolution pixels per pixel, more than 1 for a reduced level of a pyramid.
        assumed: what the file did not say, one sentence each.
    """

    grey: Image
    z: tuple[float, ...] | None = None
    scale: float = 1.0
    assumed: tuple[str, ...] = ()


def read(path: Path, wanted: Sequence[int] | None = None, level: int = 0) -> Slices:
    """The slices under `path`.

    Args:
        wanted: first, stop and perhaps step of the slices, in full-resolution positions along z
            (of a TIFF of pages, in pages).
        level: of an OME-Zarr pyramid.

    Raises:
        MissingError: when there is nothing to read.
        ConfigError: when it cannot be read right.
    """
    if is_zarr(path):
        return from_zarr(path, wanted, level)
    if level:
        raise ConfigError(f"data.level {level} is of an OME-Zarr pyramid; {path} has only one")
    if path.is_dir():
        return from_folder(path, wanted)
    grey, assumed = in_range(*grey_of(path), path)
    known = number_of(path)
    if len(grey) == 1:
        return Slices(grey, None if known is None else (float(known),), assumed=assumed)
    chosen = picked(list(range(len(grey))), wanted, path)
    assumed = (*assumed, f"{len(grey)} pages are slices one pixel apart, at unknown z")
    return Slices(grey[chosen], None, assumed=assumed)


def is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in ("zarr.json", ".zarray", ".zgroup"))


def picked(places: Sequence[int], wanted: Sequence[int] | None, path: Path) -> list[int]:
    """Indices of the wanted among slices at `places`."""
    if wanted is None:
        if len(places) > MOST:
            raise ConfigError(
                f"{path} holds {len(places)} slices, from {places[0]} to {places[-1]}; say which "
                f"in data.slices=[first,stop,step] (at most {MOST} are taken unasked)"
            )
        return list(range(len(places)))
    if not 2 <= len(wanted) <= 3 or 0 in wanted[2:]:
        raise ConfigError(
            "data.slices is [first, stop] or [first, stop, step] with a step that is not 0, got "
            f"{[*wanted]}"
        )
    chosen = [i for i, place in enumerate(places) if place in range(*wanted)]
    if not chosen:
        raise ConfigError(
            f"data.slices {[*wanted]} holds none of the slices of {path}, which lie from "
            f"{places[0]} to {places[-1]}"
        )
    return chosen


# Pictures


def number_of(path: Path) -> int | None:
    """The z position that a name tells: `07000.tif`, `scroll_z0700.png`."""
    found = re.search(r"(?:^|[_-]z?|z)(\d{3,})$", path.stem, re.IGNORECASE)
    return int(found[1]) if found else None


def from_folder(path: Path, wanted: Sequence[int] | None) -> Slices:
    """One picture per slice; the last number of a name is its position."""
    files = [f for f in files_below(path) if f.parent == path and f.suffix.lower() in PICTURES]
    if not files:
        raise MissingError(f"{path} holds no slices ({', '.join(PICTURES)}), no maps and no zarr")
    numbers = [re.findall(r"\d+", f.stem) for f in files]
    if not all(numbers):
        unnumbered = files[[bool(n) for n in numbers].index(False)]
        raise ConfigError(f"{unnumbered} has no number in its name, which would be its position")
    order = sorted((int(n[-1]), f) for n, f in zip(numbers, files, strict=True))
    places = [place for place, _ in order]
    chosen = [order[i] for i in picked(places, wanted, path)]
    steps = sorted({b[0] - a[0] for a, b in pairwise(chosen)})
    if len(steps) > 1:
        raise ConfigError(
            f"the slices of {path} are not evenly apart: the steps between their numbers are "
            f"{steps}; choose a part by data.slices=[first,stop,step]"
        )
    if steps == [0]:
        raise ConfigError(f"two slices of {path} have the number {chosen[0][0]}")
    parts = [grey_of(file) for _, file in chosen]
    sizes = {grey.shape for grey, _ in parts}
    if len(sizes) > 1 or next(iter(sizes))[0] != 1:
        raise ConfigError(f"the slices of {path} differ in size or hold several pages: {sizes}")
    kinds = sorted({str(grey.dtype) for grey, _ in parts})
    if len(kinds) > 1:
        raise ConfigError(f"the slices of {path} differ in depth: {', '.join(kinds)}")
    said = dict.fromkeys(phrase for _, assumed in parts for phrase in assumed)
    grey, assumed = in_range(np.concatenate([grey for grey, _ in parts]), tuple(said), path)
    z = tuple(float(place) for place, _ in chosen)
    assumed = (*assumed, "positions along z are the numbers of the names")
    return Slices(grey, z, assumed=assumed)


# Zarr


@dataclass(frozen=True)
class Level:
    """A level of a pyramid: its array, and along each of `axes` the full-resolution voxels per
    voxel and the place of the first, in full-resolution voxels."""

    array: Any
    axes: list[str]
    step: dict[str, float]
    origin: dict[str, float]
    assumed: tuple[str, ...]


def from_zarr(path: Path, wanted: Sequence[int] | None, level: int) -> Slices:
    """A level of an OME-Zarr pyramid (versions 0.4 and 0.5), or a plain array (Z, Y, X)."""
    try:
        node: Any = zarr.open(path, mode="r")
    except Exception as error:  # zarr raises almost anything for metadata that are damaged
        raise MissingError(f"{path} cannot be read as zarr: {error!r}") from error
    if isinstance(node, zarr.Array):
        if level:
            raise ConfigError(f"data.level {level} is of an OME-Zarr pyramid; {path} is an array")
        none = dict.fromkeys("zyx", 0.0)
        ones = dict.fromkeys("zyx", 1.0)
        said = ("voxel size and z are not known",)
        return stack_of(Level(node, [*"zyx"], ones, none, said), path, wanted)
    attributes = dict(node.attrs)
    scales = attributes.get("ome", attributes).get("multiscales")
    if not scales:
        raise ConfigError(
            f"{path} is a zarr group without multiscales; give the array inside: "
            f"{', '.join(sorted(node)) or 'it is empty'}"
        )
    return stack_of(level_of(node, scales[0], path, level), path, wanted)


def level_of(node: Any, scales: Any, path: Path, level: int) -> Level:
    """One level by the metadata of a pyramid; axes beside z, y and x must have one value."""
    datasets = scales["datasets"]
    if level >= len(datasets):
        raise ConfigError(f"{path} has levels 0 to {len(datasets) - 1}; data.level is {level}")
    missing = [dataset["path"] for dataset in datasets if dataset["path"] not in node]
    if missing:
        raise MissingError(f"{path} names a level {missing[0]!r}, which is not there")
    axes = [axis["name"] for axis in scales.get("axes", [{"name": a} for a in "zyx"])]
    arrays = [node[dataset["path"]] for dataset in datasets]
    for place, axis in enumerate(axes):
        if axis not in "zyx" and arrays[level].shape[place] != 1:
            raise ConfigError(
                f"{path} has {arrays[level].shape[place]} values along {axis}; save one"
            )
    sizes, said = voxel_sizes(scales, arrays, axes)
    start = transformed(datasets[level], "translation") or [0.0] * len(axes)
    offset = transformed(scales, "translation") or [0.0] * len(axes)
    start = np.add(start, np.divide(offset, transformed(scales, "scale") or 1.0))
    step, origin = (
        dict(zip(axes, np.divide(values, sizes[0]).tolist(), strict=True))
        for values in (sizes[level], start)
    )
    said = (f"level {level} of {len(datasets)}", *said)
    return Level(arrays[level], axes, step, origin, said)


def voxel_sizes(
    scales: Any, arrays: Sequence[Any], axes: Sequence[str]
) -> tuple[list[list[float]], tuple[str, ...]]:
    """Sizes of the voxels of each level along each axis, and what is to be said of them."""
    sizes = [transformed(dataset, "scale") for dataset in scales["datasets"]]
    if not all(sizes):
        said = "no voxel sizes in the file: those of its levels are taken from their shapes"
        return [np.rint(np.divide(arrays[0].shape, a.shape)).tolist() for a in arrays], (said,)
    voxel = np.multiply(sizes[0], transformed(scales, "scale") or 1.0)
    sides = [float(voxel[axes.index(axis)]) for axis in "zyx"]
    unit = {axis["name"]: axis.get("unit") for axis in scales.get("axes", [])}.get("x")
    said = f"voxel size {sides[-1]:g}{f' {unit}' if unit else ''} at level 0"
    if max(sides) <= CUBE * min(sides):
        return sizes, (said,)
    return sizes, (said, f"voxels of {' x '.join(f'{n:g}' for n in sides)} are taken for cubes")


def transformed(dataset: Any, kind: str) -> list[float]:
    """The `scale` or `translation` of a level along each axis; empty if it has none."""
    parts = dataset.get("coordinateTransformations", [])
    found = [part[kind] for part in parts if part.get("type") == kind]
    return [float(n) for n in found[0]] if found else []


def stack_of(level: Level, path: Path, wanted: Sequence[int] | None) -> Slices:
    """The wanted slices of a level."""
    array = level.array
    if array.ndim != len(level.axes):
        raise ConfigError(
            f"{path} is {array.ndim}-dimensional {array.shape}; a volume is (Z, Y, X)"
        )
    step = [level.step[axis] for axis in "zyx"]
    if step[1] != step[2]:
        raise ConfigError(f"{path} is reduced by {step[1:]} in y and x; both must be the same")
    count = array.shape[level.axes.index("z")]
    places = [int(level.origin["z"] + i * step[0]) for i in range(count)]
    chosen = picked(places, wanted, path)
    grey = np.stack(
        [
            array[tuple(i if a == "z" else slice(None) if a in "yx" else 0 for a in level.axes)]
            for i in chosen
        ]
    )
    if level.axes.index("x") < level.axes.index("y"):
        grey = grey.swapaxes(1, 2)
    grey, said = in_range(grey, level.assumed, path)
    shift = [level.origin[axis] for axis in "yx"]
    if any(abs(n) >= step[1] for n in shift):
        said = (*said, f"its origin in y and x, {shift[0]:g} and {shift[1]:g} voxels, is left out")
    return Slices(grey, tuple(float(places[i]) for i in chosen), step[1], said)
