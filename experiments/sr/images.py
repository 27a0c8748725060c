"""Pictures as files: read to float, written back in the mode they came in.

# H W height and width
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from launch.errors import LaunchError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
DEEP_SUFFIXES = (".png", ".tif", ".tiff")
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"quality": 95},
}
GREY_MODES = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
UNSUPPORTED_MODES = {"I": "32-bit integer", "F": "floating point"}
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
EXIF_ORIENTATION = 274


class UnreadableImageError(LaunchError):
    """A file that cannot be decoded; callers skip it and count it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"cannot read {path}: {reason}", exit_code=3)
        self.path, self.reason = path, reason


@dataclass(frozen=True)
class Picture:
    """A decoded image; a grey one has three equal channels.

    Attributes:
        rgb: (H, W, 3) float32 in [0, 1].
        alpha: (H, W) float32 in [0, 1], or None for an opaque file.
        grey, bits: the mode of the file, kept when it is written.
        profile: its ICC colour profile.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    bits: Literal[8, 16] = 8
    profile: bytes | None = None


def find(root: Path) -> list[Path]:
    """Image files below a folder in the order of their names; hidden ones are left out."""
    files = [path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES]
    return sorted(path for path in files if not _is_hidden(path.relative_to(root)))


def read(path: Path) -> Picture:
    """Grey, RGB, palette and CMYK files of 8 or 16 bits, upright as their EXIF says.

    Raises:
        UnreadableImageError: if the file is damaged, cut off or of a mode not named above.
    """
    try:
        with Image.open(path) as image:
            return _decode(path, image)
    except FileNotFoundError as error:
        raise UnreadableImageError(path, "there is no such file") from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(path, "no known image format, or cut off") from error
    except Exception as error:  # decoders raise almost anything when bytes are damaged
        raise UnreadableImageError(path, str(error) or type(error).__name__) from error


def write(path: Path, picture: Picture) -> None:
    """Save in the format of the suffix; 16 bits where the format has them.

    No writer at hand knows 16-bit grey with alpha, which becomes RGBA, or keeps the colour
    profile of 16-bit pictures.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    deep = picture.bits == 16 and suffix in DEEP_SUFFIXES
    grey = picture.grey and not (deep and picture.alpha is not None)
    colour = (picture.rgb @ LUMA)[..., None] if grey else picture.rgb
    planes = [colour] if picture.alpha is None else [colour, picture.alpha[..., None]]
    pixels = np.concatenate(planes, axis=-1).clip(0, 1)
    if deep:
        _save_deep(path, np.rint(pixels * 65535).astype(np.uint16))
        return
    plain = np.rint(pixels * 255).astype(np.uint8)
    image = Image.fromarray(plain[..., 0] if plain.shape[-1] == 1 else plain)
    image.save(path, icc_profile=picture.profile, **SAVE_OPTIONS.get(suffix, {}))


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


def _decode(path: Path, image: ImageFile.ImageFile) -> Picture:
    if image.mode in UNSUPPORTED_MODES:
        raise ValueError(f"{UNSUPPORTED_MODES[image.mode]} pixels are not supported")
    deep = _is_deep(image)
    pixels = _deep_pixels(path) if deep else _plain_pixels(image)
    levels = np.iinfo(pixels.dtype).max
    values = _upright(pixels, image).astype(np.float32) / levels
    channels = values.shape[-1]
    return Picture(
        rgb=values[..., :3] if channels > 2 else values[..., :1].repeat(3, axis=-1),
        alpha=values[..., -1] if channels in (2, 4) else None,
        grey=image.mode in GREY_MODES,
        bits=16 if deep else 8,
        profile=None if image.mode in ("CMYK", "LAB") else image.info.get("icc_profile"),
    )


def _is_deep(image: ImageFile.ImageFile) -> bool:
    """Pillow shortens 16-bit colour to 8; only the name of its raw mode tells."""
    if image.format not in ("PNG", "TIFF") or not image.tile:
        return False
    arguments = image.tile[0].args
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    return bool(re.search(r";16[BLNS]*$", str(raw_mode)))


def _plain_pixels(image: ImageFile.ImageFile) -> np.ndarray:
    """(H, W, 1 to 4) uint8: grey, grey with alpha, RGB or RGBA."""
    colours = "L" if image.mode in GREY_MODES else "RGB"
    pixels = np.asarray(image.convert(colours + "A" * image.has_transparency_data))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _deep_pixels(path: Path) -> np.ndarray:
    """(H, W, 1 to 4) uint16."""
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("damaged, or a 16-bit layout that is not supported")
    if pixels.ndim == 2:
        return pixels[..., None]
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[-1] == 3 else cv2.COLOR_BGRA2RGBA)


def _save_deep(path: Path, pixels: np.ndarray) -> None:
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    code = codes.get(pixels.shape[-1])
    if not cv2.imwrite(str(path), pixels if code is None else cv2.cvtColor(pixels, code)):
        raise OSError(f"cannot write {path}")


def _upright(pixels: np.ndarray, image: ImageFile.ImageFile) -> np.ndarray:
    """Undo the camera's rotation and mirroring."""
    turned = {
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: np.rot90,
    }
    turn = turned.get(image.getexif().get(EXIF_ORIENTATION, 1))
    return pixels if turn is None else turn(pixels)
