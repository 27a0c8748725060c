"""DDS files: every format as an analytic picture, what is broken, and what writing loses."""

import struct

import numpy as np
import pytest

from launch.experiments.pbr import dds
from launch.experiments.pbr.synthetic import material

SIDE = 32
RAMP = np.linspace(0, 255, SIDE)


def picture() -> np.ndarray:
    """(32, 32, 4) bytes: ramps along x, along y, their mean, and a ramp of alpha."""
    x, y = np.meshgrid(RAMP, RAMP)
    return np.rint(np.stack([x, y, (x + y) / 2, 255 - x], axis=-1)).astype(np.uint8)


def file(number: int, data: bytes, width: int = SIDE, height: int = SIDE, kind: int = 0) -> bytes:
    """With the header of Direct3D 10."""
    return legacy(b"DX10", data, width, height, kind=kind, extended=number)


def legacy(
    code: bytes,
    data: bytes,
    width: int = SIDE,
    height: int = SIDE,
    flags: int = 4,
    bits: int = 0,
    masks: tuple[int, ...] = (0, 0, 0, 0),
    kind: int = 0,
    extended: int | None = None,
) -> bytes:
    head = struct.pack("<7I", 124, 0x1007, height, width, 0, 0, 1) + bytes(44)
    head += struct.pack("<2I4s5I", 32, flags, code, bits, *masks)
    head += struct.pack("<5I", 0x1000, kind, 0, 0, 0)
    more = b"" if extended is None else struct.pack("<5I", extended, 3, 0, 1, 0)
    return b"DDS " + head + more + data


def bits(*channels: np.ndarray, sizes: tuple[int, ...], places: tuple[int, ...]) -> np.ndarray:
    """Channels in [0, 255] packed into one number per pixel."""
    whole = np.zeros(channels[0].shape, np.uint32)
    for channel, size, place in zip(channels, sizes, places, strict=True):
        whole |= np.rint(channel / 255 * (2**size - 1)).astype(np.uint32) << place
    return whole


def uncompressed() -> dict[int, tuple[bytes, int, int]]:
    """Number of the format -> bytes, channels, bits of the coarsest channel."""
    image = picture()
    r, g, b, a = (image[..., i].astype(float) for i in range(4))
    ten = bits(r, g, b, a, sizes=(10, 10, 10, 2), places=(0, 10, 20, 30))
    five = bits(r, g, b, sizes=(5, 6, 5), places=(11, 5, 0)).astype("<u2")
    return {
        2: ((image / 255).astype("<f4").tobytes(), 4, 8),
        10: ((image / 255).astype("<f2").tobytes(), 4, 8),
        11: (np.rint(image / 255 * 65535).astype("<u2").tobytes(), 4, 8),
        24: (ten.astype("<u4").tobytes(), 4, 2),
        28: (image.tobytes(), 4, 8),
        29: (image.tobytes(), 4, 8),
        49: (image[..., :2].tobytes(), 2, 8),
        61: (image[..., :1].tobytes(), 1, 8),
        85: (five.tobytes(), 3, 5),
        87: (image[..., [2, 1, 0, 3]].tobytes(), 4, 8),
        88: (image[..., [2, 1, 0, 3]].tobytes(), 3, 8),
        91: (image[..., [2, 1, 0, 3]].tobytes(), 4, 8),
    }


@pytest.mark.parametrize("number", list(uncompressed()))
def test_uncompressed_formats(number):
    data, channels, coarsest = uncompressed()[number]
    found = dds.decode(file(number, data))
    assert found.shape == (SIDE, SIDE, channels)
    levels = found if found.dtype == np.uint8 else found * 255
    step = 255 / (2**coarsest - 1)
    np.testing.assert_allclose(levels, picture()[..., :channels], atol=step / 2 + 0.51)


@pytest.mark.parametrize("numbers", [(70, 71, 72), (76, 77, 78), (79, 80), (82, 83), (97, 98, 99)])
def test_variants_of_a_block_format_hold_the_same_pixels(numbers):
    data = np.random.default_rng(0).integers(0, 256, SIDE * SIDE, np.uint8).tobytes()
    first, *others = (dds.decode(file(number, data)) for number in numbers)
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_block_formats_of_constant_blocks():
    """Each block says one colour: endpoints of 5, 6 and 5 bits, alpha of 4 or 8."""
    red = struct.pack("<2HI", 0xF800, 0xF800, 0)
    half = struct.pack("<8B", 128, 128, *[0] * 6)
    blocks = SIDE * SIDE // 16
    expected = {
        71: (red, [255, 0, 0, 255]),
        74: (bytes([0x88] * 8) + red, [255, 0, 0, 136]),
        77: (half + red, [255, 0, 0, 128]),
        80: (half, [128]),
        83: (half + bytes([255, 255, *[0] * 6]), [128, 255]),
    }
    for number, (block, level) in expected.items():
        found = dds.decode(file(number, block * blocks))
        np.testing.assert_array_equal(found, np.broadcast_to(level, found.shape))


@pytest.mark.parametrize(("number", "channels"), [(81, 1), (84, 2)])
def test_signed_blocks_have_zero_at_one_half(number, channels):
    levels = (-127, 0, 127)
    for level, expected in zip(levels, (0, 128, 255), strict=True):
        half = struct.pack("<2b6B", level, level, *[0] * 6)
        found = dds.decode(file(number, half * channels * (SIDE * SIDE // 16)))
        assert found.shape == (SIDE, SIDE, channels)
        np.testing.assert_allclose(found, expected, atol=1)


@pytest.mark.parametrize(
    ("code", "number"), [(b"DXT1", 71), (b"DXT3", 74), (b"DXT5", 77), (b"ATI1", 80), (b"ATI2", 83)]
)
def test_older_names_mean_the_same_blocks(code, number):
    data = np.random.default_rng(1).integers(0, 256, SIDE * SIDE, np.uint8).tobytes()
    np.testing.assert_array_equal(dds.decode(legacy(code, data)), dds.decode(file(number, data)))


@pytest.mark.parametrize(
    ("flags", "bits_", "masks", "channels"),
    [
        (0x41, 32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), [2, 1, 0, 3]),
        (0x40, 24, (0xFF0000, 0xFF00, 0xFF, 0), [2, 1, 0]),
        (0x20000, 8, (0xFF, 0, 0, 0), [0]),
    ],
)
def test_older_headers_say_where_the_bits_are(flags, bits_, masks, channels):
    image = picture()
    stored = image[..., channels]
    content = legacy(bytes(4), stored.tobytes(), flags=flags, bits=bits_, masks=masks)
    np.testing.assert_array_equal(dds.decode(content), image[..., sorted(channels)])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"DDS " + bytes(200), "0x0 pixels"),
        (b"DDS ", "the header is cut"),
        (file(98, bytes(100)), "the file is cut: 100 of 1024 bytes"),
        (file(98, bytes(1024), kind=0x200), "is a cube map"),
        (file(67, bytes(4096)), "DXGI format 67 cannot be read"),
        (legacy(b"GRGB", bytes(4096)), "pixel format b'GRGB'"),
    ],
)
def test_what_cannot_be_read_is_said(content, reason):
    with pytest.raises(ValueError, match=reason):
        dds.decode(content)


def decibels(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Peak signal to noise ratio per channel."""
    error = np.square(first.astype(float) - second).mean(axis=(0, 1))
    return 10 * np.log10(255**2 / np.maximum(error, 1e-9))


@pytest.fixture(scope="module")
def leaf() -> np.ndarray:
    """A texture with a disc of opacity, (64, 64, 4) bytes."""
    colour = material(0, "leather", "clean", 64)["albedo"]
    y, x = np.mgrid[-32:32, -32:32]
    return np.dstack([np.rint(colour * 255), 255.0 * (np.hypot(y, x) < 25)]).astype(np.uint8)


@pytest.mark.parametrize("size", [(64, 64), (30, 50), (4, 64)])
def test_blocks_that_are_written_lose_little(leaf, size):
    image = leaf[: size[0], : size[1]]
    content = b"".join(dds.encode([image], "bc7", srgb=True))
    found = dds.decode(content)
    assert found.shape == image.shape
    assert decibels(image, found).min() > 38
    assert dds.kept(image, [content[:148], content[148:]]) == pytest.approx(
        decibels(image, found).min()
    )
    assert np.abs(image[..., 3].astype(int) - found[..., 3]).max() <= 2
    height = dds.decode(b"".join(dds.encode([image], "bc4", srgb=False)))
    assert decibels(image[..., :1], height).min() > 38


@pytest.mark.parametrize(("encoding", "channels"), [("rgba8", 4), ("r8", 1)])
def test_uncompressed_files_lose_nothing(encoding, channels):
    found = dds.decode(b"".join(dds.encode([picture()], encoding, srgb=False)))
    np.testing.assert_array_equal(found, picture()[..., :channels])


def test_a_written_header_tells_size_levels_and_colours():
    image = picture()[:16]
    content = b"".join(dds.encode([image, image[::2, ::2], image[::4, ::4]], "bc7", srgb=True))
    header = dds.read_header(content)
    assert (header.width, header.height, header.levels) == (SIDE, 16, 3)
    assert struct.unpack_from("<I", content, 128) == (99,)
    blocks = 8 * 4 + 4 * 2 + 2 * 1
    assert len(content) == 148 + 16 * blocks
