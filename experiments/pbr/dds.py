"""DDS, the texture files of games: a header, then blocks or pixels of every mip level.

Formats are those of `DXGI_FORMAT` (Direct3D 10 and later) and of the older headers. Blocks are
decoded by Pillow and encoded by etcpak; everything else is bits in numpy.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

MAGIC = b"DDS "
HEADER, EXTENDED = 128, 148  # where pixels begin, without and with the header of Direct3D 10
CUBE_MAP, VOLUME = 0x200, 0x200000
ALPHA, LUMINANCE = 0x1, 0x20000  # bits of a pixel format's flags

Encoding = Literal["bc1", "bc4", "bc7", "rgba8", "r8"]


@dataclass(frozen=True)
class Masks:
    """Pixels of a few bytes: how many bits, and those of each channel."""

    bits: int
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Numbers:
    """Pixels of several numbers: their type in numpy, and how many."""

    kind: str
    channels: int


@dataclass(frozen=True)
class Blocks:
    """Blocks of 4x4 pixels.

    Attributes:
        size: bytes of a block.
        decoder: number and name of Pillow's decoder; `mode`: what that gives.
        channels: how many of them mean something.
    """

    size: int
    decoder: tuple[int, str]
    mode: str
    channels: int


BC1 = Blocks(8, (1, "BC1"), "RGBA", 4)
BC2 = Blocks(16, (2, "BC2"), "RGBA", 4)
BC3 = Blocks(16, (3, "BC3"), "RGBA", 4)
BC4 = Blocks(8, (4, "BC4"), "L", 1)
BC4_SIGNED = Blocks(8, (5, "BC5S"), "RGB", 1)  # decoded as one half of a BC5
BC5 = Blocks(16, (5, "BC5"), "RGB", 2)
BC5_SIGNED = Blocks(16, (5, "BC5S"), "RGB", 2)
BC6 = Blocks(16, (6, "BC6H"), "RGB", 3)
BC6_SIGNED = Blocks(16, (6, "BC6HS"), "RGB", 3)
BC7 = Blocks(16, (7, "BC7"), "RGBA", 4)

RGBA8 = Masks(32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000))
BGRA8 = Masks(32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000))
BGRX8 = Masks(32, (0xFF0000, 0xFF00, 0xFF))
HALF, FLOAT, WORD = "<f2", "<f4", "<u2"
Format = Blocks | Masks | Numbers

DXGI: dict[int, Format] = {
    **{2: Numbers(FLOAT, 4), 16: Numbers(FLOAT, 2), 41: Numbers(FLOAT, 1)},
    **{10: Numbers(HALF, 4), 34: Numbers(HALF, 2), 54: Numbers(HALF, 1)},
    **{11: Numbers(WORD, 4), 35: Numbers(WORD, 2), 56: Numbers(WORD, 1)},
    24: Masks(32, (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)),
    **{27: RGBA8, 28: RGBA8, 29: RGBA8, 49: Masks(16, (0xFF, 0xFF00)), 61: Masks(8, (0xFF,))},
    **{70: BC1, 71: BC1, 72: BC1, 73: BC2, 74: BC2, 75: BC2, 76: BC3, 77: BC3, 78: BC3},
    **{79: BC4, 80: BC4, 81: BC4_SIGNED, 82: BC5, 83: BC5, 84: BC5_SIGNED},
    **{85: Masks(16, (0xF800, 0x7E0, 0x1F)), 86: Masks(16, (0x7C00, 0x3E0, 0x1F, 0x8000))},
    **{87: BGRA8, 90: BGRA8, 91: BGRA8, 88: BGRX8, 92: BGRX8, 93: BGRX8},
    **{94: BC6, 95: BC6, 96: BC6_SIGNED, 97: BC7, 98: BC7, 99: BC7},
    115: Masks(16, (0xF00, 0xF0, 0xF, 0xF000)),
}
FOUR_CHARACTERS: dict[bytes, Format] = {
    **{b"DXT1": BC1, b"DXT2": BC2, b"DXT3": BC2, b"DXT4": BC3, b"DXT5": BC3},
    **{b"ATI1": BC4, b"BC4U": BC4, b"BC4S": BC4_SIGNED},
    **{b"ATI2": BC5, b"BC5U": BC5, b"BC5S": BC5_SIGNED},
    struct.pack("<I", 36): Numbers(WORD, 4),  # numbers of D3DFORMAT
    **{struct.pack("<I", n): Numbers(HALF, c) for n, c in ((111, 1), (112, 2), (113, 4))},
    **{struct.pack("<I", n): Numbers(FLOAT, c) for n, c in ((114, 1), (115, 2), (116, 4))},
}


@dataclass(frozen=True)
class Header:
    """What a file says about itself; `start` is where its largest level begins."""

    width: int
    height: int
    levels: int
    form: Format
    start: int

    @property
    def unbounded(self) -> bool:
        """Whether numbers beyond [0, 1] can be in it, which `decode` cuts."""
        numbers = isinstance(self.form, Numbers) and self.form.kind != WORD
        return numbers or self.form in (BC6, BC6_SIGNED)

    @property
    def bytes_needed(self) -> int:
        """Of the largest level."""
        if isinstance(self.form, Blocks):
            return -(-self.width // 4) * -(-self.height // 4) * self.form.size
        if isinstance(self.form, Masks):
            return self.width * self.height * self.form.bits // 8
        return self.width * self.height * self.form.channels * np.dtype(self.form.kind).itemsize

    def check(self, size: int) -> None:
        """
        Raises:
            ValueError: if a file of `size` bytes does not hold the largest level.
        """
        if size < self.start + self.bytes_needed:
            held = max(0, size - self.start)
            raise ValueError(f"the file is cut: {held} of {self.bytes_needed} bytes of pixels")


def is_dds(content: bytes) -> bool:
    return content[:4] == MAGIC


def read_header(content: bytes) -> Header:
    """
    Raises:
        ValueError: for a header that is cut or makes no sense, cube maps and volumes, and formats
            that are not in the tables.
    """
    if len(content) < HEADER:
        raise ValueError(f"the header is cut: {len(content)} bytes of {HEADER}")
    height, width, _, _, levels = struct.unpack_from("<5I", content, 12)
    flags, code, bits, *masks = struct.unpack_from("<I4s5I", content, 80)
    kind = struct.unpack_from("<I", content, 112)[0]
    if not (0 < width <= 65536 and 0 < height <= 65536):
        raise ValueError(f"the header says {width}x{height} pixels")
    if kind & (CUBE_MAP | VOLUME):
        raise ValueError("is a cube map" if kind & CUBE_MAP else "is a volume")
    form, start = _format(content, flags, code, bits, masks)
    return Header(width, height, max(1, levels), form, start)


def _format(
    content: bytes, flags: int, code: bytes, bits: int, masks: Sequence[int]
) -> tuple[Format, int]:
    if code == b"DX10":
        if len(content) < EXTENDED:
            raise ValueError("the header is cut")
        number = struct.unpack_from("<I", content, HEADER)[0]
        if number not in DXGI:
            raise ValueError(f"DXGI format {number} cannot be read")
        return DXGI[number], EXTENDED
    if code in FOUR_CHARACTERS:
        return FOUR_CHARACTERS[code], HEADER
    kept = masks[:1] if flags & LUMINANCE else masks[:3]
    given = (*(mask for mask in kept if mask), *(masks[3:] if flags & ALPHA and masks[3] else ()))
    if bits not in (8, 16, 24, 32) or not given or code.strip(b"\0"):
        raise ValueError(f"pixel format {code!r} of {bits} bits cannot be read")
    return Masks(bits, given), HEADER


def decode(content: bytes) -> np.ndarray:
    """The largest level, (H, W, C): bytes up to 8 bits per channel, beyond floats in [0, 1].

    Signed formats are shifted, so that 0 is at one half; floats beyond [0, 1] are cut.

    Raises:
        ValueError: as `read_header`, and if the file is cut.
    """
    header = read_header(content)
    header.check(len(content))
    data = content[header.start : header.start + header.bytes_needed]
    if isinstance(header.form, Blocks):
        return _from_blocks(data, header, header.form)
    if isinstance(header.form, Masks):
        return _from_masks(data, header, header.form)
    return _from_numbers(data, header, header.form)


def _from_blocks(data: bytes, header: Header, blocks: Blocks) -> np.ndarray:
    if blocks is BC4_SIGNED:
        halves = np.frombuffer(data, np.uint8).reshape(-1, 1, 8)
        data = np.repeat(halves, 2, axis=1).tobytes()
    size = header.width, header.height
    image = Image.frombytes(blocks.mode, size, data, "bcn", blocks.decoder)
    return np.asarray(image).reshape(header.height, header.width, -1)[..., : blocks.channels]


def _from_numbers(data: bytes, header: Header, form: Numbers) -> np.ndarray:
    values = np.frombuffer(data, form.kind).reshape(header.height, header.width, form.channels)
    top = np.float32(65535 if form.kind == WORD else 1)
    return np.clip(np.nan_to_num(values.astype(np.float32) / top), 0, 1)


def _from_masks(data: bytes, header: Header, form: Masks) -> np.ndarray:
    size, masks = form.bits // 8, form.channels
    places = np.frombuffer(data, np.uint8).reshape(header.height, header.width, size)
    if all(mask in (0xFF, 0xFF00, 0xFF0000, 0xFF000000) for mask in masks):
        return places[..., [(mask.bit_length() - 1) // 8 for mask in masks]]
    pixels = places.astype(np.uint32) << (8 * np.arange(size, dtype=np.uint32))
    whole = np.bitwise_or.reduce(pixels, axis=-1)
    wide = any(mask.bit_count() > 8 for mask in masks)
    channels = []
    for mask in masks:
        shift = (mask & -mask).bit_length() - 1
        share = ((whole & mask) >> shift).astype(np.float32) / np.float32(mask >> shift)
        channels.append(share if wide else np.rint(share * 255).astype(np.uint8))
    return np.stack(channels, axis=-1)


# Writing

WRITTEN: dict[Encoding, tuple[int, int]] = {  # the format's number, linear and sRGB
    "bc1": (71, 72),
    "bc4": (80, 80),
    "bc7": (98, 99),
    "rgba8": (28, 29),
    "r8": (61, 61),
}
BAND = 512  # rows that are encoded at once
ALPHA_COUNTS = 16  # times as much as a colour: off by one level at most in pictures of leaves
EXACTLY_OPAQUE = 0xFFFFFFFF & ~(1 << 6)  # modes of BC7; the sixth makes 254 of an alpha of 255


def encode(levels: Sequence[np.ndarray], encoding: Encoding, srgb: bool) -> Iterator[bytes]:
    """A file of mip levels, each (H, W, 4) bytes, the largest first, in parts of a few rows.

    Args:
        srgb: whether the colours are sRGB, which the format then says.
    """
    height, width = levels[0].shape[:2]
    number = WRITTEN[encoding][int(srgb)]
    flags, mips = 0x21007, 0x401008  # what the header says: size, format, levels; a mip chain
    header = struct.pack("<7I", 124, flags, height, width, 0, 0, len(levels))
    pixel_format = struct.pack("<2I4s5I", 32, 4, b"DX10", 0, 0, 0, 0, 0)
    extended = struct.pack("<5I", number, 3, 0, 1, 0)
    caps = struct.pack("<5I", mips, 0, 0, 0, 0)
    yield b"".join([MAGIC, header, bytes(44), pixel_format, caps, extended])
    for level in levels:
        for top in range(0, len(level), BAND):
            yield _encoded(level[top : top + BAND], encoding)


def _encoded(level: np.ndarray, encoding: Encoding) -> bytes:
    if encoding in ("rgba8", "r8"):
        return level[..., : 4 if encoding == "rgba8" else 1].tobytes()
    import etcpak  # noqa: PLC0415 - only writing needs it

    height, width = level.shape[:2]
    padded = np.pad(level, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    given = padded.tobytes(), padded.shape[1], padded.shape[0]
    if encoding == "bc1":
        return etcpak.compress_bc1(*given)
    if encoding == "bc4":
        return etcpak.compress_bc4(*given)
    settings = etcpak.BC7CompressBlockParams()
    settings.init_linear_weights()  # they are not always colours
    settings.m_uber_level = 1
    if level[..., 3].min() == 255:
        settings.m_mode_mask = EXACTLY_OPAQUE
    else:
        settings.m_weights = [1, 1, 1, ALPHA_COUNTS]
    return etcpak.compress_bc7(*given, settings)


def kept(image: np.ndarray, parts: Sequence[bytes]) -> float:
    """How well BC7 keeps the (H, W, 4) bytes of the largest level: that of the worst channel.

    Peak signal to noise ratio in decibels; 99 where nothing is lost.

    Args:
        parts: what `encode` gave.
    """
    height, width = image.shape[:2]
    error = np.zeros(4)
    for place, top in enumerate(range(0, height, BAND)):
        band = image[top : top + BAND]
        found = _from_blocks(parts[1 + place], Header(width, len(band), 1, BC7, 0), BC7)
        error += np.square(band.astype(np.int32) - found).sum(axis=(0, 1))
    return float(min(99, 10 * np.log10(255**2 / max(error.max() / (height * width), 1e-9))))
