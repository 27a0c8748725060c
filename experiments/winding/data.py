"""Reading and writing the maps of a slice: tif directories, preprocessed zarr, plain pictures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
import zarr
from launch.experiments.winding import structure
from launch.experiments.winding.channels import Channels, Image, Truth

from launch.errors import ConfigError, MissingError

FILES = {"density": "mag", "dir0": "dir0", "dir1": "dir1"}
ZARR_MAPS = {"cosine": "cos", "density": "grad_mag", "dir0": "dir0", "dir1": "dir1"}
PICTURES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
Crop = tuple[int, int, int, int]


def read(
    path: Path,
    downscale: float | None = None,
    crop: Crop | None = None,
    pitch: float | None = None,
) -> Channels:
    """The maps under `path`: a zarr array, a directory of tif maps, or a grey picture.

    Args:
        downscale: full-resolution pixels per model pixel. Default: what a zarr or a directory
            says, 1 for a picture.
        crop: x, y, width, height in full-resolution pixels, of a picture.
        pitch: layer distance in full-resolution pixels, of a picture; measured when None.

    Raises:
        MissingError: when there is nothing to read, or a channel is missing.
        ConfigError: when `downscale` contradicts the file, or the crop misses the picture.
    """
    if not path.exists():
        raise MissingError(f"{path} does not exist")
    if path.is_file() and path.suffix.lower() in PICTURES:
        return from_picture(path, downscale or 1.0, crop, pitch)
    if crop is not None:
        raise ConfigError(f"data.crop works on a picture; {path} already holds maps")
    if (path / "zarr.json").exists() or (path / ".zarray").exists():
        return from_zarr(path, downscale)
    if path.is_dir():
        return from_directory(path, downscale)
    raise MissingError(f"{path} is no picture ({', '.join(PICTURES)}), zarr or tif directory")


def from_directory(path: Path, downscale: float | None = None) -> Channels:
    """One `*_cos.tif` with `_mag`, `_dir0` and `_dir1` beside it; `_valid` and truth may be.

    Files are (H, W) or (Z, H, W) of floats. `settings.json` may hold downscale and origin.
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
    array = zarr.open_array(path, mode="r")
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
    x, y = (params.get("crop_xyzwhd") or (0, 0))[:2]
    return Channels(
        **maps,
        valid=np.asarray(valid, np.float32),
        downscale=agreed(downscale, params.get("downscale_xy"), path),
        origin=(float(x), float(y)),
        picture=maps["cosine"],
        name=path.stem,
    )


def decoded(array: Any, names: list[str], name: str, path: Path) -> Image:
    """One channel as (Z, Y, X) float32 in [0, 1]."""
    if name not in names:
        raise MissingError(f"{path} lacks the channel {name}; it has {', '.join(names)}")
    return np.asarray(array[names.index(name)], np.float32) / 255


def from_picture(
    path: Path, downscale: float = 1.0, crop: Crop | None = None, pitch: float | None = None
) -> Channels:
    """Maps computed from a grey picture by the structure tensor."""
    part, origin = cropped(path, crop)
    return structure.channels(part, downscale, pitch, origin, path.stem)


def cropped(path: Path, crop: Crop | None) -> tuple[Image, tuple[float, float]]:
    """A part of a grey picture, and the position (x, y) of its first pixel."""
    grey = grey_picture(path)
    x, y, width, height = crop or (0, 0, grey.shape[1], grey.shape[0])
    part = grey[y : y + height, x : x + width]
    if min(x, y) < 0 or part.shape != (height, width):
        raise ConfigError(
            f"data.crop [x, y, width, height] {list(crop or ())} leaves the picture, which is "
            f"{grey.shape[1]}x{grey.shape[0]}"
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


def grey_picture(path: Path) -> Image:
    """An 8- or 16-bit picture as (H, W) float32 in [0, 1]."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    if picture is None:
        raise MissingError(f"{path} cannot be read as a picture")
    if picture.dtype.kind == "f":
        return np.asarray(picture, np.float32)
    return picture.astype(np.float32) / np.iinfo(picture.dtype.name).max


def write_directory(channels: Channels, path: Path) -> None:
    """The maps as `from_directory` reads them, with truth where there is one."""
    path.mkdir(parents=True, exist_ok=True)
    stem = channels.name.replace(" ", "_")
    files = {"cos": channels.cosine, "mag": channels.density, "dir0": channels.dir0}
    files |= {"dir1": channels.dir1, "valid": channels.valid}
    settings: dict[str, Any] = {"downscale": channels.downscale, "origin": channels.origin}
    if channels.truth is not None:
        files |= {"truth": channels.truth.winding, "truth_valid": channels.truth.valid}
        settings = {**channels.truth.settings, **settings}
    for suffix, values in files.items():
        tifffile.imwrite(path / f"{stem}_{suffix}.tif", values.astype(np.float32))
    (path / "settings.json").write_text(json.dumps(settings, indent=1))
