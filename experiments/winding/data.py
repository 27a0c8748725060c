"""Reading the maps of slices: tif directories, preprocessed zarr, raw scans."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from launch.errors import ConfigError, MissingError
from launch.experiments.winding import volumes
from launch.experiments.winding.channels import Channels, Image, Truth

FILES = {"density": "mag", "dir0": "dir0", "dir1": "dir1"}
ZARR_MAPS = {"cosine": "cos", "density": "grad_mag", "dir0": "dir0", "dir1": "dir1"}
Crop = tuple[int, int, int, int]


@dataclass(frozen=True)
class Part:
    """Which part of a raw scan is fitted, and at which size.

    Attributes:
        downscale: pixels of the level that is read per model pixel.
        crop: x, y, width, height in pixels of that level.
        slices: first, stop and perhaps step along z, see `volumes.read`.
        level: of an OME-Zarr pyramid.
    """

    downscale: float = 1.0
    crop: Crop | None = None
    slices: tuple[int, ...] | None = None
    level: int = 0


def read_maps(path: Path, downscale: float | None = None) -> Channels:
    """The maps under `path`: a preprocessed zarr array or a directory of tif maps.

    Args:
        downscale: full-resolution pixels per model pixel. Default: what the files say.

    Raises:
        MissingError: when there is nothing to read, or a channel is missing.
        ConfigError: when `downscale` contradicts the file.
    """
    if not path.exists():
        raise MissingError(f"{path} does not exist")
    if volumes.is_zarr(path):
        return from_zarr(path, downscale)
    if path.is_dir():
        return from_directory(path, downscale)
    raise MissingError(f"{path} is no zarr array or directory of tif maps")


def is_maps(path: Path) -> bool:
    """Whether something holds maps, and not a raw scan."""
    if not volumes.is_zarr(path):
        return path.is_dir() and bool(list(path.glob("*_cos.tif")))
    node: Any = zarr.open(path, mode="r")
    return "preprocess_params" in node.attrs


def read_scan(path: Path, part: Part, maps_of: Callable[..., Channels]) -> Channels:
    """Maps of the slices of a raw scan.

    Args:
        maps_of: makes them from grey slices (N, H, W), with `downscale`, `origin` and `name`.
    """
    if not path.exists():
        raise MissingError(f"{path} does not exist")
    found = volumes.read(path, part.slices, part.level)
    grey, corner = cropped(found.grey, part.crop)
    made = maps_of(grey, downscale=part.downscale, origin=corner, name=path.stem)
    scale = found.scale
    return replace(
        made,
        downscale=part.downscale * scale,
        density=made.density / scale,
        origin=(made.origin[0] * scale, made.origin[1] * scale),
        z=found.z,
        assumed=found.assumed,
    )


def from_directory(path: Path, downscale: float | None = None) -> Channels:
    """One `*_cos.tif` with `_mag`, `_dir0` and `_dir1` beside it; `_valid` and truth may be.

    Files are (H, W) or (Z, H, W) of floats. `settings.json` may hold downscale, origin and z.
    """
    found = sorted(path.glob("*_cos.tif"))
    if len(found) != 1:
        raise MissingError(f"{path} must hold exactly one *_cos.tif, found {len(found)}")
    stem = found[0].name.removesuffix("_cos.tif")
    maps: dict[str, Any] = {"cosine": volume(found[0])}
    for key, suffix in FILES.items():
        maps[key] = volume(path / f"{stem}_{suffix}.tif")
    valid = path / f"{stem}_valid.tif"
    maps["valid"] = volume(valid) if valid.exists() else np.ones_like(maps["cosine"])
    settings = settings_of(path)
    return Channels(
        **maps,
        downscale=agreed(downscale, settings.get("downscale"), path),
        origin=tuple(settings.get("origin", (0.0, 0.0))),
        z=tuple(settings["z"]) if settings.get("z") else None,
        picture=maps["cosine"],
        truth=truth_of(path, stem, settings),
        name=stem,
    )


def settings_of(path: Path) -> dict[str, Any]:
    file = path / "settings.json"
    return json.loads(file.read_text()) if file.exists() else {}


def truth_of(path: Path, stem: str, settings: Mapping[str, Any]) -> Truth | None:
    """`_truth.tif` (winding position) and `_truth_valid.tif`, where a generator left them."""
    file = path / f"{stem}_truth.tif"
    if not file.exists():
        return None
    return Truth(volume(file), volume(path / f"{stem}_truth_valid.tif"), dict(settings))


def volume(path: Path) -> Image:
    """A tif as (Z, H, W) float32."""
    if not path.exists():
        raise MissingError(f"{path.parent} lacks the channel file {path.name}")
    values = np.asarray(tifffile.imread(path), np.float32)
    return values[None] if values.ndim == 2 else values


def agreed(asked: float | None, stored: float | None, path: Path) -> float:
    """The downscale, which must not contradict what the file was made with."""
    if asked is not None and stored is not None and asked != stored:
        raise ConfigError(
            f"data.downscale is {asked:g}, but {path} was made with {stored:g}; drop the setting"
        )
    return float(asked or stored or 1.0)


def from_zarr(path: Path, downscale: float | None = None) -> Channels:
    """A preprocessed array (C, Z, Y, X) of bytes with `preprocess_params` in its attributes.

    Cosine and directions are value / 255, density value / `grad_mag_encode_scale`, validity > 0.
    """
    array: Any = zarr.open(path, mode="r")
    if not isinstance(array, zarr.Array):
        raise ConfigError(
            f"{path} is a zarr group, not an array of maps; a raw volume is read by "
            "data=winding/slice"
        )
    params: Any = array.attrs.get("preprocess_params")
    if not isinstance(params, dict) or "channels" not in params:
        raise MissingError(f"{path} has no preprocess_params.channels among its attributes")
    names = list(params["channels"])
    maps: dict[str, Any] = {
        key: decoded(array, names, name, path) for key, name in ZARR_MAPS.items()
    }
    maps["density"] *= 255 / float(params.get("grad_mag_encode_scale", 1000))
    known = "valid" in names
    valid = decoded(array, names, "valid", path) > 0 if known else np.ones_like(maps["cosine"])
    x, y, first = (*(params.get("crop_xyzwhd") or ()), 0, 0, 0)[:3]
    step = float(params.get("z_step_eff") or params.get("z_step") or 1)
    return Channels(
        **maps,
        valid=np.asarray(valid, np.float32),
        downscale=agreed(downscale, params.get("downscale_xy"), path),
        origin=(float(x), float(y)),
        z=tuple(first + step * i for i in range(len(maps["cosine"]))),
        picture=maps["cosine"],
        name=path.stem,
    )


def decoded(array: Any, names: list[str], name: str, path: Path) -> Image:
    """One channel as (Z, Y, X) float32 in [0, 1]."""
    if name not in names:
        raise MissingError(f"{path} lacks the channel {name}; it has {', '.join(names)}")
    return np.asarray(array[names.index(name)], np.float32) / 255


def cropped(grey: Image, crop: Crop | None) -> tuple[Image, tuple[float, float]]:
    """A part of grey slices (N, H, W), and the position (x, y) of its first pixel."""
    height, width = grey.shape[1:]
    x, y, wide, high = crop or (0, 0, width, height)
    part = grey[:, y : y + high, x : x + wide]
    if min(x, y) < 0 or part.shape[1:] != (high, wide):
        raise ConfigError(
            f"data.crop [x, y, width, height] {list(crop or ())} leaves the picture, which is "
            f"{width}x{height}"
        )
    return part, (float(x), float(y))


def crop_of(numbers: Sequence[int] | None) -> Crop | None:
    """A crop from a list of four numbers.

    Raises:
        ConfigError: for any other number of them.
    """
    if numbers is None:
        return None
    if len(numbers) != 4:
        raise ConfigError(f"data.crop is [x, y, width, height], got {list(numbers)}")
    x, y, width, height = numbers
    return x, y, width, height
