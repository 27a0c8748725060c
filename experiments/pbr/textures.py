"""Texture files: pictures, and the DDS of games."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from launch.experiments.pbr import dds
from launch.tools import pictures
from launch.tools.decoding import UnreadableImageError, named

SUFFIXES = pictures.SUFFIXES
CONSTANT = 4 / 255  # a channel of a smaller spread holds nothing; compression moves it a little
COPIED = 0.04  # mean distance of channels that are copies; blocks keep 5 bits of red and 6 of green
MID = 0.04  # distance from one half within which a constant red is the x of a flat normal map
BAND = 512  # rows that are floats at once
SHORTENED = "shortened to 8 bits per channel"
UNBOUNDED = "floating point; what is beyond [0, 1] is cut"


class UnreadableTextureError(Exception):
    """A file that is damaged or of an unsupported format."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"{path.name}: {reason}")


@dataclass(frozen=True)
class Texture:
    """A file as it is stored, sRGB or not.

    Attributes:
        pixels: (H, W, C) of uint8, uint16 or float32 in [0, 1], with 1 to 4 channels; two of them
            are x and y of a normal map.
        assumed: what the file does not say, or what of it is left out; a phrase each.
    """

    pixels: np.ndarray
    assumed: tuple[str, ...] = ()

    @property
    def as_bytes(self) -> np.ndarray:
        return quantised(self.pixels)

    @property
    def shortened(self) -> tuple[str, ...]:
        """As `assumed`, of the bytes."""
        return self.assumed if self.pixels.dtype == np.uint8 else (*self.assumed, SHORTENED)


def stored(path: Path) -> Texture:
    """A texture file, upright.

    Raises:
        UnreadableTextureError: for anything that does not decode.
    """
    try:
        with named(path):
            if not dds.is_dds(_head(path)):
                return _of_picture(pictures.read(path, bits=16, fill=False))
            content = path.read_bytes()
            unbounded = dds.read_header(content).unbounded
            return Texture(dds.decode(content), (UNBOUNDED,) if unbounded else ())
    except UnreadableImageError as error:
        raise UnreadableTextureError(path, error.reason) from error


def not_read(suffixes: Mapping[str, int]) -> list[str]:
    """A sentence about pictures of kinds that are not read, if there are any."""
    kinds = sorted((kind, n) for kind, n in suffixes.items() if kind in pictures.NOT_READ)
    said = ", ".join(f"{count} {kind}" for kind, count in kinds)
    return [f"kinds of pictures that are not read: {said}; save PNG, TIFF or DDS"] if said else []


def read(path: Path) -> np.ndarray:
    """The pixels of `stored` as floats in [0, 1]."""
    return floats(stored(path).pixels)


def _head(path: Path) -> bytes:
    """The first bytes, by which DDS is known whatever a file is called."""
    if not path.is_file():  # such as a pipe, which would never end
        return b""
    with path.open("rb") as file:
        return file.read(dds.EXTENDED)


def _of_picture(picture: pictures.Picture) -> Texture:
    """Grey with alpha has four channels too."""
    pixels = picture.colour
    if picture.alpha is not None:
        pixels = np.dstack([*[pixels] * (3 if picture.grey else 1), picture.alpha])
    return Texture(pixels, picture.assumed)


def size_of(path: Path) -> tuple[int, int]:
    """Height and width in pixels, from the head of a file.

    Raises:
        UnreadableTextureError: if that cannot be read.
    """
    try:
        with named(path):
            head = _head(path)
            if dds.is_dds(head):
                header = dds.read_header(head)
                header.check(path.stat().st_size)
            else:
                header = pictures.header(path)
            return header.height, header.width
    except UnreadableImageError as error:
        raise UnreadableTextureError(path, error.reason) from error


def fault(path: Path) -> str | None:
    """Why a file cannot be read to its end; None if it can."""
    try:
        stored(path)
    except UnreadableTextureError as error:
        return str(error)
    return None


def floats(image: np.ndarray) -> np.ndarray:
    """Whole numbers or floats as floats in [0, 1]."""
    if image.dtype.kind == "f":
        return image
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)


def quantised(image: np.ndarray) -> np.ndarray:
    """Whole numbers or floats in [0, 1] as bytes, in bands."""
    if image.dtype == np.uint8:
        return image
    result = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), BAND):
        part = slice(top, top + BAND)
        result[part] = np.rint(np.clip(floats(image[part]), 0, 1) * 255)
    return result


def colour(image: np.ndarray) -> np.ndarray:
    """Three channels; alpha is left out.

    Raises:
        ValueError: for two channels, which are no colour.
    """
    if image.shape[-1] == 2:
        raise ValueError("has two channels, which are x and y of a normal map and no colour")
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image[..., :3]


def grey(image: np.ndarray) -> np.ndarray:
    """One channel: the first, which in grey files is as good as any."""
    return image[..., 0]


def vectors(image: np.ndarray, directx: bool) -> np.ndarray:
    """A normal map as unit vectors (H, W, 3) with y up; x and y alone give z = sqrt(1 - x² - y²).

    Args:
        image: floats in [0, 1]; see `axes` for what its channels may hold.
        directx: whether green points down.

    Raises:
        ValueError: for a single channel.
    """
    return _vectors(image, axes(image), directx)


def _vectors(image: np.ndarray, places: tuple[int, int, int | None], directx: bool) -> np.ndarray:
    x, y = (image[..., place] * 2 - 1 for place in places[:2])
    if places[2] is None:
        z = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    else:
        z = image[..., places[2]] * 2 - 1
    normal = np.stack([x, -y if directx else y, z], axis=-1)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return normal / np.maximum(length, 1e-6)


def axes(image: np.ndarray) -> tuple[int, int, int | None]:
    """Which channels of a normal map hold x, y and z; None where z follows from x and y.

    RGB is x, y, z. Two channels (BC5, ATI2), or a constant blue, are x and y. DXT5nm keeps x in
    alpha and y in green, with red and blue constant, or all of them copies of y.

    Raises:
        ValueError: for a single channel.
    """
    channels = image.shape[-1]
    if channels == 1:
        raise ValueError("has one channel, a normal map has at least two")
    if channels == 2:
        return 0, 1, None
    step = max(1, max(image.shape[:2]) // 1024)
    few = floats(image[::step, ::step])
    red, green, blue = (few[..., i] for i in range(3))
    apart = max(np.abs(few[..., i] - green).mean() for i in (0, 2))
    copies = apart <= COPIED and not _is_constant(red)
    filled = _is_constant(red) and _is_constant(blue) and abs(float(red.mean()) - 0.5) > MID
    if channels == 4 and not _is_constant(few[..., 3]) and (copies or filled):
        return 3, 1, None
    return 0, 1, None if _is_constant(blue) else 2


def _is_constant(channel: np.ndarray) -> bool:
    return float(channel.max() - channel.min()) <= CONSTANT


def normal_bytes(image: np.ndarray, directx: bool) -> np.ndarray:
    """As `vectors`, but bytes to bytes (127.5 is 0), in bands: large maps never become floats."""
    places = axes(image)
    result = np.empty((*image.shape[:2], 3), np.uint8)
    for top in range(0, len(image), BAND):
        part = slice(top, top + BAND)
        result[part] = quantised((_vectors(floats(image[part]), places, directx) + 1) / 2)
    return result
