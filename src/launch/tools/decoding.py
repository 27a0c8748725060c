"""How the bytes of a picture file become pixels: Pillow, OpenCV and imagecodecs decode.

# H W height and width
"""

import io
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from launch.errors import LaunchError

LARGEST = int(os.environ.get("LAUNCH_LARGEST_PICTURE") or 2**27)
"""Pixels; a file that says it has more is refused before it is decoded, as a bomb might be."""

GREY_MODES = ("1", "L", "LA", "La", "F", "I;16", "I;16L", "I;16B", "I;16N")
EXIF_ORIENTATION = 274
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TIFF_BITS, TIFF_SAMPLES, TIFF_EXTRA, TIFF_KIND = 258, 277, 338, 339
TIFF_SIGNED, TIFF_MULTIPLIED, RGB_PHOTOMETRIC = 2, 1, 2
DXGI = slice(128, 132)  # the format number in the extended header of a DDS file
LINEAR_TWIN = {72: 71, 75: 74, 78: 77}  # BC1, BC2 and BC3 marked as sRGB


HEAD = 4096
"""Bytes of a file in which its header lies."""

WIDE = {16: "PQ", 18: "HLG"}  # transfer characteristics of ITU-T H.273
Image.MAX_IMAGE_PIXELS = None  # `require_size` asks, and its limit can be raised


class UnreadableImageError(LaunchError):
    """A file that cannot be decoded right; callers skip it and count it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"cannot read {path}: {reason}", exit_code=3)
        self.path, self.reason = path, reason


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Whatever a decoder raises becomes an error with the name of the file."""
    try:
        yield
    except UnreadableImageError:
        raise
    except FileNotFoundError as error:
        raise UnreadableImageError(path, "there is no such file") from error
    except UnidentifiedImageError as error:
        kind = "kind of TIFF that is read here" if _is_tiff(path) else "image format"
        raise UnreadableImageError(path, f"no known {kind}, or cut off") from error
    except Exception as error:  # decoders raise almost anything when bytes are damaged
        raise UnreadableImageError(path, str(error) or type(error).__name__) from error


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in TIFF_SIGNATURES


def opened(path: Path) -> Image.Image:
    """The file behind its header, which is all that is read of it so far."""
    suffix = path.suffix.lower()
    if not path.is_file() and path.exists():
        raise UnreadableImageError(path, "it is no file of bytes")  # a pipe would never end
    if suffix == ".jxl":
        return _jpeg_xl(path)
    image = Image.open(_linear_twin(path) if suffix == ".dds" else path)
    try:
        require_size(path, image.height, image.width)
        _require_plain_range(path, image)
    except UnreadableImageError:
        image.close()
        raise
    if image.format == "TIFF" and isinstance(image, ImageFile.ImageFile):
        image.filename = ""  # Pillow maps such files into memory in the size they have when turned
    return image


def _require_plain_range(path: Path, image: Image.Image) -> None:
    """Pillow clips the floating point of BC6H to 8 bits."""
    if str(getattr(image, "pixel_format", "")).startswith("BC6H"):
        raise UnreadableImageError(path, "BC6H holds brightness without a limit; save BC7")


def require_size(path: Path, *sides: int) -> None:
    """
    Raises:
        UnreadableImageError: if a file says that it holds more than `LARGEST` pixels.
    """
    if math.prod(sides) > LARGEST:
        raise UnreadableImageError(
            path,
            f"{'x'.join(map(str, reversed(sides)))} is more than {LARGEST / 1e6:.0f} million "
            "pixels; cut it into pieces, or raise the environment variable LAUNCH_LARGEST_PICTURE",
        )


def _linear_twin(path: Path) -> io.BytesIO:
    """Pillow does not know the sRGB variants of BC1 to BC3; their bytes are those of the linear."""
    content = bytearray(path.read_bytes())
    number = int.from_bytes(content[DXGI], "little")
    if content[84:88] == b"DX10" and number in LINEAR_TWIN:
        content[DXGI] = LINEAR_TWIN[number].to_bytes(4, "little")
    return io.BytesIO(content)


def _jpeg_xl(path: Path) -> Image.Image:
    codecs: Any = import_module("imagecodecs")
    pixels = np.asarray(codecs.jpegxl_decode(path.read_bytes()))
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise UnreadableImageError(path, f"{pixels.dtype} {pixels.shape}: only 8 bits, one frame")
    return Image.fromarray(pixels.squeeze())


def is_deep(image: Image.Image) -> bool:
    """Pillow shortens deeper colour to 8 bits; only headers and the raw mode tell."""
    if image.format == "TIFF":
        return tag(image, TIFF_BITS) == 16
    if image.format == "AVIF":
        return avif_bits(image) > 8
    return image.format == "PNG" and bool(re.search(r";16[BLNS]*$", raw_mode(image)))


def is_grey(image: Image.Image) -> bool:
    """Pillow opens 16-bit grey with alpha as colour."""
    return image.mode in GREY_MODES or bool(re.match(r"LA(;|$)", raw_mode(image)))


def raw_mode(image: Image.Image) -> str:
    """How the first piece of a file lies in it, in Pillow's words."""
    tile = getattr(image, "tile", None)
    arguments = tile[0].args if tile else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def plain_pixels(image: Image.Image) -> np.ndarray:
    """(H, W, 1 to 4) uint8: grey, grey with alpha, RGB or RGBA."""
    packed = re.fullmatch(r"L;([24])", raw_mode(image))
    if packed and isinstance(image.info.get("transparency"), int):
        image.info["transparency"] *= 255 // (2 ** int(packed[1]) - 1)  # Pillow spreads the rest
    colours = "L" if image.mode in GREY_MODES else "RGB"
    wanted = colours + "A" * image.has_transparency_data
    pixels = np.asarray(image if image.mode == wanted else image.convert(wanted))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def deep_pixels(path: Path, image: Image.Image) -> np.ndarray:
    """(H, W, 1 to 4) uint16."""
    grey = is_grey(image)
    if isinstance(image, ImageFile.ImageFile):
        image.load()  # Pillow tells a file that is cut off, the others fill it up
    if image.format == "AVIF":
        return _deep_avif(path, avif_bits(image))
    pixels = _deep_tiff(path, image) if image.format == "TIFF" else _deep_png(path)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("damaged, or a 16-bit layout that is not supported")
    hidden = image.info.get("transparency")
    if grey and hidden is not None and pixels.shape[-1] == 1:
        opaque = np.where(pixels == hidden, 0, 65535).astype(np.uint16)
        return np.concatenate([pixels, opaque], axis=-1)
    return pixels[..., ::3] if grey and pixels.shape[-1] == 4 else pixels


def _deep_png(path: Path) -> np.ndarray | None:
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim == 2:
        return None if pixels is None else pixels[..., None]
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[-1] == 3 else cv2.COLOR_BGRA2RGBA)


def _deep_avif(path: Path, bits: int) -> np.ndarray:
    """10 or 12 bits stretched to 16."""
    codecs: Any = import_module("imagecodecs")
    pixels = np.asarray(codecs.avif_decode(path.read_bytes(), index=0))
    pixels = pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, axis=-1)
    return np.rint(pixels * (65535 / (2**bits - 1))).astype(np.uint16)


def _deep_tiff(path: Path, image: Image.Image) -> np.ndarray:
    """The first page, with as many channels as Pillow knows the meaning of."""
    import tifffile  # noqa: PLC0415 - rarely needed

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        pixels, photometric = page.asarray(), int(page.photometric)
        if photometric > RGB_PHOTOMETRIC:
            raise ValueError(f"16-bit {page.photometric.name} is not supported; save RGB or grey")
        if page.axes.startswith("S"):
            pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels[..., : len(image.getbands())]
    if photometric == 0:
        return 65535 - pixels  # white is zero
    if tag(image, TIFF_EXTRA) == TIFF_MULTIPLIED:
        alpha = pixels[..., -1:]
        colour = np.rint(pixels[..., :-1] * (65535 / np.maximum(alpha, 1))).clip(0, 65535)
        return np.concatenate([colour.astype(np.uint16), alpha], axis=-1)
    return pixels


def tag(image: Image.Image, number: int) -> int | None:
    """A whole number of the TIFF header, the same for all channels."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) else value


def profile_name(image: Image.Image) -> str:
    """What the colour profile of an RGB file calls itself; "" without one that can be read."""
    content = image.info.get("icc_profile")
    if not content or image.mode not in ("RGB", "RGBA", "P"):
        return ""
    try:
        return ImageCms.getProfileDescription(ImageCms.getOpenProfile(io.BytesIO(content))).strip()
    except (ImageCms.PyCMSError, OSError):
        return ""


def orientation(image: Image.Image) -> int:
    """How a picture is to be turned, 1 to 8; asked before it is decoded.

    Of a TIFF Pillow turns what it decodes itself, and then forgets that it was to be turned.
    """
    if image.format == "TIFF":
        return (tag(image, EXIF_ORIENTATION) or 1) if is_deep(image) else 1
    return image.getexif().get(EXIF_ORIENTATION, 1) if "exif" in image.info else 1


def upright(pixels: np.ndarray, turn: int) -> np.ndarray:
    """Pixels (H, W, ...) with the camera's rotation and mirroring undone."""
    turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: np.rot90,
    }
    return turns[turn](pixels) if turn in turns else pixels


# What headers say that Pillow does not


def transfer(path: Path) -> str:
    """The curve of brightness, where PNG or AVIF name one of wide range; "" for the usual ones."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    place = head.find(b"cICP") + 5 if b"cICP" in head else head.find(b"colrnclx") + 11
    known = b"cICP" in head or b"colrnclx" in head
    return WIDE.get(head[place], "") if known and place < len(head) else ""


def avif_bits(image: Image.Image) -> int:
    """From the box av1C, whose third byte holds flags of high depth and of 12 bits."""
    with Path(image.filename).open("rb") as file:  # type: ignore[attr-defined]
        head = file.read(HEAD)
    place = head.find(b"av1C")
    flags = head[place + 6] if 0 <= place < len(head) - 6 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8
