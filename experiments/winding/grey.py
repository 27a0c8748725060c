"""Picture files as grey values, page by page, and what was assumed of them.

What cannot be read right is refused by name. # N pages, H W height and width
"""

from pathlib import Path

import cv2
import numpy as np
import tifffile

from launch.errors import ConfigError, MissingError
from launch.experiments.winding.channels import Image
from launch.tools import decoding

TIFFS = (".tif", ".tiff")
GREYS = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK)
COLOURS = (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
TURNED = "turned upright, as the file says"
PAGES = "ZQIT"  # TIFF axes along which slices may lie


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
    lists = [a for a in axes if a in PAGES and values.shape[axes.index(a)] > 1]
    if len(lists) > 1:
        raise ConfigError(f"{path} has several lists of pages ({', '.join(lists)}); save one")
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
    if values.dtype.kind not in "buif":
        raise ConfigError(f"{path} holds {values.dtype}, which is no brightness")
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
