"""Pictures as files: their pixels and what was assumed to read them, and writing them back.

# H W height and width

Pillow, OpenCV and imagecodecs decode; the policy is here. What cannot be read right is refused by
name: never a guess without a word.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from launch.record import storage
from launch.tools import decoding
from launch.tools.decoding import UnreadableImageError  # noqa: F401 - what reading raises
from launch.tools.names import files_below

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"),
    *(".gif", ".tga", ".avif", ".dds", ".jxl"),
)
NOT_READ = (
    *(".heic", ".heif", ".exr", ".hdr", ".psd", ".raw"),
    *(".cr2", ".nef", ".dng", ".jp2", ".svg"),
)
DEEP_SUFFIXES = (".png", ".tif", ".tiff")
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"quality": 95},
    ".avif": {"quality": 95},
}

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
TIFF_LARGEST_VALUE = 281
SRGB_GAMMA = 1 / 2.2


@dataclass(frozen=True)
class Header:
    """What a file says of itself without being decoded: upright size, and whether it is grey."""

    height: int
    width: int
    grey: bool


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        colour: (H, W, 1) of a grey file, (H, W, 3) of another: uint8, uint16, or float32 in [0, 1].
        alpha: (H, W) of the same type, or None for an opaque file. Colour is not multiplied by it.
        profile: its ICC colour profile.
        assumed: what the file does not say, or what of it is left out; a phrase each.
    """

    colour: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes | None = None
    assumed: tuple[str, ...] = ()

    @property
    def grey(self) -> bool:
        return self.colour.shape[-1] == 1

    @property
    def bits(self) -> int:
        """8, 16, or 32 for floating point."""
        return 8 * self.colour.itemsize

    @property
    def rgb(self) -> np.ndarray:
        """(H, W, 3) float32 in [0, 1]; a grey picture has three equal channels."""
        return _floats(np.broadcast_to(self.colour, (*self.colour.shape[:2], 3)))

    @property
    def opacity(self) -> np.ndarray:
        """(H, W) float32 in [0, 1]; 1 where the file has no alpha."""
        if self.alpha is None:
            return np.ones(self.colour.shape[:2], np.float32)
        return _floats(self.alpha)

    @property
    def luma(self) -> np.ndarray:
        """(H, W) float32 in [0, 1]: the grey value, or the BT.601 luma of colour."""
        return _floats(self.colour[..., 0]) if self.grey else self.rgb @ LUMA

    @property
    def rgb8(self) -> np.ndarray:
        """(H, W, 3) uint8, rounded."""
        whole = np.broadcast_to(self.colour, (*self.colour.shape[:2], 3))
        return whole if self.bits == 8 else np.rint(_floats(whole) * 255).astype(np.uint8)

    def over(self, background: float = 0.0) -> np.ndarray:
        """(H, W, 3) float32: composited on a background of one brightness in [0, 1]."""
        if self.alpha is None:
            return self.rgb
        opacity = self.opacity[..., None]
        return self.rgb * opacity + background * (1 - opacity)

    def with_pixels(self, rgb: np.ndarray, alpha: np.ndarray | None) -> "Picture":
        """Floats in [0, 1], of any size, in the mode of this picture: depth, grey, profile."""
        colour = (rgb @ LUMA)[..., None] if self.grey else rgb
        kind = self.colour.dtype
        levels = None if alpha is None else _levels(alpha, kind)
        return replace(self, colour=_levels(colour, kind), alpha=levels)


def find(root: Path) -> list[Path]:
    """Picture files below a folder in the order of their names; hidden ones are left out."""
    return [path for path in files_below(root) if path.suffix.lower() in SUFFIXES]


def left_out(root: Path) -> dict[str, int]:
    """How many pictures of formats that are not read here lie below a folder, by suffix."""
    return dict(Counter(s for p in files_below(root) if (s := p.suffix.lower()) in NOT_READ))


def header(path: Path) -> Header:
    """
    Raises:
        UnreadableImageError: if the file is no picture, or has more than `decoding.LARGEST` pixels.
    """
    with decoding.named(path), decoding.opened(path) as image:
        sideways = image.format != "TIFF" and decoding.orientation(image) >= 5
        width, height = image.size[::-1] if sideways else image.size
        return Header(height, width, decoding.is_grey(image))


def read(path: Path, bits: int | None = None, fill: bool = True) -> Picture:
    """Grey, RGB, palette and CMYK files of 8 or 16 bits, or floats in [0, 1]; upright.

    Of an animation the first frame, of several pages the first.

    Args:
        bits: of 16 that are in use; None trusts the file, and takes values that end below 4096
            for 12 bits, which `assumed` says. Give it for frames that belong together.
        fill: where nothing but one colour is hidden under alpha 0, take the colours of the nearest
            visible pixels, so that no fringe of it shows when the picture is filtered. Not for
            files in which alpha is something else than opacity.

    Raises:
        UnreadableImageError: if the file is damaged, cut off, too large, or of a mode that has no
            one meaning as a picture.
    """
    with decoding.named(path), decoding.opened(path) as image:
        return _decoded(path, image, bits, fill)


def write(path: Path, picture: Picture) -> None:
    """Save in the format of the suffix; 16 bits and floats where the format has them.

    No writer at hand knows 16-bit grey with alpha, which becomes RGBA, or keeps the colour
    profile of 16-bit pictures.
    """
    suffix = path.suffix.lower()
    kind = _writable(picture, suffix)
    planes = [_levels(_floats(picture.colour), kind)]
    if picture.alpha is not None:
        planes.append(_levels(_floats(picture.alpha), kind)[..., None])
        if picture.grey and kind != np.uint8:
            planes[0] = planes[0].repeat(3, axis=-1)
    pixels = np.concatenate(planes, axis=-1)
    if kind != np.uint8:
        _save_deep(path, pixels)
        return
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if suffix in (".jpg", ".jpeg") and picture.alpha is not None:
        image = image.convert("L" if picture.grey else "RGB")
    kind_of_file = Image.registered_extensions()[suffix]
    with storage.replacing(path) as file:
        image.save(file, kind_of_file, icc_profile=picture.profile, **SAVE_OPTIONS.get(suffix, {}))


def write_png(path: Path, pixels: np.ndarray) -> None:
    """A picture (H, W) or (H, W, C) of bytes, or of 16 bits if it is grey."""
    with storage.replacing(path) as file:
        Image.fromarray(pixels).save(file, "PNG")


# Decoding


def _decoded(path: Path, image: Image.Image, bits: int | None, fill: bool) -> Picture:
    assumed, grey = [*_assumptions(path, image)], decoding.is_grey(image)
    turn = decoding.orientation(image)
    if image.mode == "I" or decoding.tag(image, decoding.TIFF_KIND) == decoding.TIFF_SIGNED:
        raise ValueError(
            "integer pixels with a sign or of 32 bits have no range of their own; save 8 or 16 "
            "bits without a sign"
        )
    if image.mode == "F":
        pixels = _unit_range(np.asarray(image, np.float32)[..., None])
        assumed.append("floating point, read as [0, 1]")
    elif decoding.is_deep(image):
        pixels, said = _in_use(decoding.deep_pixels(path, image), image, bits)
        assumed += said
    else:
        pixels = decoding.plain_pixels(image)
    pixels = decoding.upright(pixels, turn)
    channels = pixels.shape[-1]
    colour = pixels[..., :1] if grey or channels < 3 else pixels[..., :3]
    alpha = pixels[..., -1] if channels in (2, 4) else None
    if fill and alpha is not None:
        colour, said = _uncovered(colour, alpha)
        assumed += said
    profile = None if image.mode in ("CMYK", "LAB") else image.info.get("icc_profile")
    return Picture(colour, alpha, profile, tuple(assumed))


def _assumptions(path: Path, image: Image.Image) -> Iterator[str]:
    """What the header tells that is left out or taken for granted."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        yield f"the first of {frames} {'pages' if image.format == 'TIFF' else 'frames'}"
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        yield f"{image.mode} turned into RGB without its colour profile"
    gamma = image.info.get("gamma")
    if gamma is not None and abs(gamma - SRGB_GAMMA) > 0.01:
        yield f"read as sRGB, though the file names a gamma of {gamma:g}"
    curve = decoding.transfer(path) if image.format in ("PNG", "AVIF") else ""
    if curve:
        yield f"read as sRGB, though its brightness is coded as {curve}"
    unnamed = (decoding.tag(image, decoding.TIFF_SAMPLES) or 0) - len(image.getbands())
    if unnamed > 0:
        yield f"{unnamed} of its channels have no meaning in the file and are left out"
    name = decoding.profile_name(image)
    if name and "srgb" not in name.casefold():
        yield f"its colour profile is not applied ({name})"


def _in_use(
    pixels: np.ndarray, image: Image.Image, bits: int | None
) -> tuple[np.ndarray, list[str]]:
    """Stretched to 16 bits where fewer are in use, and how that is known."""
    if image.format == "AVIF":  # which says how many
        return pixels, []
    declared = decoding.tag(image, TIFF_LARGEST_VALUE)
    largest = int(pixels.max())
    if bits is None and declared is not None and largest <= declared < 65535:
        return _stretched(pixels, declared), [f"values up to {declared}, as the file says"]
    if bits is None and 0 < largest < 4096:
        return _stretched(pixels, 4095), [f"read as 12 bits in 16: no value is above {largest}"]
    if bits in (None, 16):
        return pixels, []
    if largest >= 2**bits:
        raise ValueError(f"{bits} bits were expected, but a value is {largest}")
    return _stretched(pixels, 2**bits - 1), []


def _stretched(pixels: np.ndarray, largest: int) -> np.ndarray:
    return np.rint(pixels * (65535 / largest)).astype(np.uint16)


def _unit_range(values: np.ndarray) -> np.ndarray:
    least, most = float(values.min()), float(values.max())
    if not (least >= 0 and most <= 1):
        raise ValueError(
            f"floating point from {least:g} to {most:g}; only [0, 1] has one meaning as a picture"
        )
    return values


def _uncovered(colour: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """One colour all over what is invisible says nothing: fill it from the nearest visible."""
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return colour, ["nothing is visible, alpha is 0 everywhere"] if hidden.all() else []
    if (colour[hidden] != colour[hidden][0]).any():
        return colour, []
    from scipy import ndimage  # noqa: PLC0415 - slow to import, and rarely needed

    nearest: Any = ndimage.distance_transform_edt(
        hidden, return_distances=False, return_indices=True
    )
    rows, columns = nearest
    return colour[rows, columns], ["colour under alpha 0 taken from the nearest visible pixel"]


# Encoding


def _writable(picture: Picture, suffix: str) -> Any:
    """The type of number that a format can hold."""
    if picture.bits == 32 and suffix in (".tif", ".tiff"):
        return np.float32
    return np.uint16 if picture.bits > 8 and suffix in DEEP_SUFFIXES else np.uint8


def _floats(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    return np.divide(values, np.float32(np.iinfo(values.dtype).max), dtype=np.float32)


def _levels(values: np.ndarray, kind: Any) -> np.ndarray:
    """Floats in [0, 1], clipped, as numbers of another type."""
    if np.dtype(kind).kind == "f":
        return values.clip(0, 1).astype(kind)
    return np.rint(values.clip(0, 1) * np.iinfo(kind).max).astype(kind)


def _save_deep(path: Path, pixels: np.ndarray) -> None:
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    code = codes.get(pixels.shape[-1])
    bgr = pixels if code is None else cv2.cvtColor(pixels, code)
    done, encoded = cv2.imencode(path.suffix, bgr)
    if not done:
        raise ValueError(f"OpenCV cannot write {pixels.dtype} as {path.suffix}")
    storage.write(path, encoded.tobytes())
