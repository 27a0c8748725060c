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

import cv2
import numpy as np
import tifffile
import zarr

from launch.errors import ConfigError, MissingError
from launch.experiments.winding.channels import Image
from launch.tools import decoding
from launch.tools.names import files_below

TIFFS = (".tif", ".tiff")
PICTURES = (".png", *TIFFS, ".jpg", ".jpeg", ".bmp", ".webp", ".jp2")
MOST = 32  # slices that are read without having been asked for
GREYS = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK)
COLOURS = (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
TURNED = "turned upright, as the file says"
PAGES = "ZQIT"  # TIFF axes along which slices may lie


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


def grey_of(path: Path) -> tuple[Image, tuple[str, ...]]:
    """The pages (N, H, W) of a picture file as they are stored, and what was assumed of them."""
    if path.suffix.lower() in TIFFS:
        return tiff(path)
    with decoding.named(path), decoding.opened(path) as image:
        frames, turn = getattr(image, "n_frames", 1), decoding.orientation(image)
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED | cv2.IMREAD_ANYDEPTH)
    if picture is None:
        raise MissingError(f"{path} cannot be read as a picture")
    values, assumed = decoding.upright(picture, turn)[None], ()
    if values.ndim == 4:
        values, assumed = without_colour(values[..., ::-1] if values.shape[3] == 3 else values)
    assumed = (*assumed, f"the first of {frames} frames") if frames > 1 else assumed
    return values, (*assumed, TURNED) if turn > 1 else assumed


def tiff(path: Path) -> tuple[Image, tuple[str, ...]]:
    """Pages (N, H, W) of a TIFF. Colour is what its tags call colour, never three of something."""
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            if len(file.series) > 1:
                sizes = [part.shape for part in file.series]
                raise ConfigError(f"{path} holds {len(sizes)} different images, of sizes {sizes}")
            decoding.require_size(path, *map(int, series.keyframe.shape[:2]))
            kind = series.keyframe.photometric
            if kind not in (*GREYS, *COLOURS):
                found = tifffile.PHOTOMETRIC(kind).name
                raise ConfigError(f"{path} holds {found} pixels; save it as grey")
            values, axes = np.asarray(series.asarray()), series.axes
            turn = series.keyframe.tags.valueof(decoding.EXIF_ORIENTATION, 1)
    except (tifffile.TiffFileError, IndexError, ValueError, OSError) as error:
        raise MissingError(f"{path} cannot be read as a TIFF: {error}") from error
    for axis in [a for a in axes if a not in "YXS"]:
        place = axes.index(axis)
        if axis not in PAGES and values.shape[place] != 1:
            raise ConfigError(
                f"{path} has {values.shape[place]} values along its axis {axis} ({axes}), which "
                "are no slices; save one of them"
            )
    if axes.startswith("S"):
        raise ConfigError(
            f"{path} holds {values.shape[0]} planes that its tags call colour, but slices of a "
            "volume are often saved so; save it with photometric='minisblack' if it is a stack, or "
            "as a picture with interleaved colours"
        )
    if "S" in axes:
        values = np.moveaxis(values, axes.index("S"), -1)
        pages, assumed = without_colour(values.reshape(-1, *values.shape[-3:]))
    else:
        pages, assumed = values.reshape(-1, *values.shape[-2:]), ()
    if turn > 1:
        turned = decoding.upright(np.moveaxis(pages, 0, -1), turn)
        pages, assumed = np.moveaxis(turned, -1, 0), (*assumed, TURNED)
    if kind != GREYS[0]:
        return pages, assumed
    if pages.dtype.kind not in "bu":
        raise ConfigError(f"{path} calls 0 white but holds {pages.dtype}; save it with 0 as black")
    return ~pages, (*assumed, "0 is white, as the file says")


def without_colour(values: Image) -> tuple[Image, tuple[str, ...]]:
    """Colour (N, H, W, 3 or 4, RGB) as grey: the mean of the channels, without alpha."""
    colour = values[..., :3] if values.shape[-1] >= 3 else values[..., :1]
    same = bool((colour == colour[..., :1]).all())
    grey = colour[..., 0] if same else colour.mean(-1)
    grey = np.rint(grey) if values.dtype.kind in "ui" else grey
    said = () if same else ("colour was averaged to grey",)
    if values.shape[-1] in (2, 4):
        said = (*said, "alpha was left out")
    return grey.astype(values.dtype), said


def in_range(values: Image, assumed: tuple[str, ...], path: Path) -> tuple[Image, tuple[str, ...]]:
    """Values in [0, 1] by their type; what a type does not say is taken from the values."""
    if not np.isfinite(values).all():
        raise ConfigError(f"{path} holds NaN or infinite pixels; replace them")
    low, high = float(values.min()), float(values.max())
    if values.dtype == np.uint8:
        return (values / 255).astype(np.float32), assumed
    if values.dtype.kind == "u":
        bits = values.dtype.itemsize * 8
        used = next(b for b in (8, 10, 12, 14, 16, bits) if high < 2**b)
        if used < bits:
            assumed = (*assumed, f"{bits}-bit pixels hold {used} bits: white is {2**used - 1}")
        return (values / (2**used - 1)).astype(np.float32), assumed
    if low >= 0 and high <= 1:
        return values.astype(np.float32), assumed
    assumed = (*assumed, f"values from {low:g} to {high:g} are taken for black to white")
    return ((values - low) / max(high - low, 1e-12)).astype(np.float32), assumed


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
    sizes = [transformed(dataset, "scale") for dataset in datasets]
    if all(sizes):
        said = f"level {level} of {len(datasets)}, voxel size {sizes[0][-1]:g} at level 0"
    else:
        said = "no voxel sizes in the file: those of its levels are taken from their shapes"
        sizes = [np.rint(np.divide(arrays[0].shape, array.shape)).tolist() for array in arrays]
    start = transformed(datasets[level], "translation") or [0.0] * len(axes)
    step, origin = (
        dict(zip(axes, np.divide(values, sizes[0]).tolist(), strict=True))
        for values in (sizes[level], start)
    )
    return Level(arrays[level], axes, step, origin, (said,))


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
    grey, said = in_range(grey, level.assumed, path)
    shift = [level.origin[axis] for axis in "yx"]
    if any(abs(n) >= step[1] for n in shift):
        said = (*said, f"its origin in y and x, {shift[0]:g} and {shift[1]:g} voxels, is left out")
    return Slices(grey, tuple(float(places[i]) for i in chosen), step[1], said)
