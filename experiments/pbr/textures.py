"""Reading and writing texture files: png, jpg, tga, tif, bmp, webp, and the DDS of games."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from launch.experiments.pbr import dds
from launch.tools.pictures import write_png

SUFFIXES = (".dds", ".png", ".jpg", ".jpeg", ".tga", ".tif", ".tiff", ".bmp", ".webp")
CONSTANT = 4 / 255  # a channel of a smaller spread holds nothing; compression moves it a little
MID = 0.04  # distance from one half within which a constant red is the x of a flat normal map
BAND = 512  # rows that are floats at once


class UnreadableTextureError(Exception):
    """A file that is damaged or of an unsupported format."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"{path.name}: {reason}")


def read(path: Path) -> np.ndarray:
    """A texture as (H, W, C) floats in [0, 1], with 1 to 4 channels; as stored, sRGB or not.

    Two channels are x and y of a normal map.

    Raises:
        UnreadableTextureError: for anything that does not decode.
    """
    return floats(stored(path))


def stored(path: Path) -> np.ndarray:
    """As `read`, but bytes where the file has at most 8 bits per channel."""
    try:
        return decode(path.read_bytes(), path)
    except OSError as error:
        raise UnreadableTextureError(path, error) from error


def decode(content: bytes, path: Path) -> np.ndarray:
    """As `stored`, of the bytes of a file.

    Args:
        path: what the file is called.
    """
    try:
        if dds.is_dds(content):
            return dds.decode(content)
        with Image.open(io.BytesIO(content)) as image:
            return _levels(image)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise UnreadableTextureError(path, _without_address(error)) from error


def _without_address(error: Exception) -> str:
    return str(error).split(" <_io")[0]


def size_of(path: Path) -> tuple[int, int]:
    """Height and width in pixels, from the head of a file.

    Raises:
        UnreadableTextureError: if that cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(dds.EXTENDED)
            if dds.is_dds(head):
                header = dds.read_header(head)
                header.check(path.stat().st_size)
                return header.height, header.width
            with Image.open(file) as image:
                return image.height, image.width
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise UnreadableTextureError(path, _without_address(error)) from error


def _levels(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        return np.clip(np.asarray(image, np.float32) / 65535, 0, 1)[..., None]
    if image.mode == "F":
        return np.clip(np.asarray(image, np.float32), 0, 1)[..., None]
    if image.mode not in ("L", "RGB", "RGBA"):
        clear = "A" in image.mode or "transparency" in image.info
        image = image.convert("RGBA" if clear else "RGB")
    return np.atleast_3d(np.asarray(image))


def floats(image: np.ndarray) -> np.ndarray:
    """Bytes or floats as floats in [0, 1]."""
    return image.astype(np.float32) / 255 if image.dtype == np.uint8 else image


def quantised(image: np.ndarray) -> np.ndarray:
    """Bytes or floats in [0, 1] as bytes."""
    if image.dtype == np.uint8:
        return image
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


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
    copies = _is_constant(red - green) and not _is_constant(red)
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


def write(path: Path, values: np.ndarray) -> None:
    """8 bits per channel, 16 for what is called height; floats in [0, 1]."""
    values = np.clip(values.squeeze(), 0, 1)
    levels, kind = (65535, np.uint16) if path.stem.endswith("height") else (255, np.uint8)
    write_png(path, np.rint(values * levels).astype(kind))
