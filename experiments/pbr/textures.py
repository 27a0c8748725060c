"""Reading and writing texture files: png, jpg, tga, tif, and the DDS of games."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = (".dds", ".png", ".jpg", ".jpeg", ".tga", ".tif", ".tiff", ".bmp", ".webp")

DXGI = slice(128, 132)  # the format number in the extended header
LINEAR_TWIN = {72: 71, 75: 74, 78: 77}  # BC1, BC2 and BC3 marked as sRGB


class UnreadableTextureError(Exception):
    """A file that is damaged or of an unsupported format."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"{path.name}: {reason}")


def read(path: Path) -> np.ndarray:
    """A texture as (H, W, C) floats in [0, 1], with 1, 3 or 4 channels; as stored, sRGB or not.

    Raises:
        UnreadableTextureError: for anything that does not decode.
    """
    try:
        return decode(path.read_bytes(), path)
    except OSError as error:
        raise UnreadableTextureError(path, error) from error


def decode(content: bytes, path: Path) -> np.ndarray:
    """As `read`, of the bytes of a file.

    Args:
        path: what the file is called.
    """
    try:
        with _opened(content) as image:
            return _floats(image)
    except (OSError, NotImplementedError, ValueError, SyntaxError, EOFError) as error:
        raise UnreadableTextureError(path, error) from error


def _opened(file: bytes) -> Image.Image:
    """Pillow does not know the sRGB variants of BC1 to BC3; their bytes are those of the linear."""
    if file[:4] != b"DDS ":
        return Image.open(io.BytesIO(file))
    content = bytearray(file)
    number = int.from_bytes(content[DXGI], "little")
    if content[84:88] == b"DX10" and number in LINEAR_TWIN:
        content[DXGI] = LINEAR_TWIN[number].to_bytes(4, "little")
    return Image.open(io.BytesIO(content))


def _floats(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        levels = np.asarray(image, np.float32)
        return np.clip(levels / 65535, 0, 1)[..., None]
    if image.mode == "F":
        return np.clip(np.asarray(image, np.float32), 0, 1)[..., None]
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA" if "A" in image.mode else "RGB")
    return np.atleast_3d(np.asarray(image, np.float32) / 255)


def colour(image: np.ndarray) -> np.ndarray:
    """Three channels; alpha is left out."""
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image[..., :3]


def grey(image: np.ndarray) -> np.ndarray:
    """One channel: the first, which in grey files is as good as any."""
    return image[..., 0]


def vectors(image: np.ndarray, directx: bool) -> np.ndarray:
    """A normal map (H, W, 3) with y up; z follows from x and y where a file has two channels.

    Args:
        directx: whether green points down.
    """
    normal = colour(image) * 2 - 1
    if directx:
        normal = normal * np.array([1, -1, 1], np.float32)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return normal / np.maximum(length, 1e-6)


def write(path: Path, values: np.ndarray) -> None:
    """8 bits per channel, 16 for what is called height; floats in [0, 1]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.clip(values.squeeze(), 0, 1)
    if path.stem.endswith("height"):
        Image.fromarray(np.rint(values * 65535).astype(np.uint16)).save(path)
    else:
        Image.fromarray(np.rint(values * 255).astype(np.uint8)).save(path)
