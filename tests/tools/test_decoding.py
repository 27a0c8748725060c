"""Bytes become the right pixels, upright; what is damaged, cut off or a bomb is named."""

import struct
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from launch.tools import pictures
from launch.tools.decoding import UnreadableImageError
from launch.tools.pictures import Picture, header, read, write

HEIGHT, WIDTH = 6, 8


@pytest.fixture
def colours():
    """RGB, and an alpha that hides nothing quite."""
    return np.random.default_rng(0).integers(1, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)


def picture(grey=False, alpha=False, bits=8):
    kind = {8: np.uint8, 16: np.uint16}[bits]
    levels = np.random.default_rng(1).integers(1, np.iinfo(kind).max, (HEIGHT, WIDTH, 4), kind)
    return Picture(levels[..., : 1 if grey else 3], levels[..., 3] if alpha else None)


def chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def test_jpeg_xl(tmp_path, colours):
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(colours[..., :3], lossless=True))
    np.testing.assert_array_equal(read(tmp_path / "a.jxl").colour, colours[..., :3])


@pytest.mark.parametrize("srgb", [False, True])
def test_textures_of_games(tmp_path, srgb):
    """BC1 blocks of one colour; Pillow alone refuses those marked as sRGB."""
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "a.dds", pixel_format="DXT1")
    content = bytearray((tmp_path / "a.dds").read_bytes())
    content[84:88] = b"DX10"
    extended = struct.pack("<5I", 72 if srgb else 71, 3, 0, 1, 0)
    (tmp_path / "a.dds").write_bytes(bytes(content[:128]) + extended + bytes(content[128:]))
    assert (read(tmp_path / "a.dds").rgb8 == [255, 0, 0]).all()


def test_white_is_zero_in_some_tiffs(tmp_path):
    ramp = np.linspace(0, 65535, 48, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    Image.fromarray(65535 - ramp).save(tmp_path / "a.tif", tiffinfo={262: 0})
    np.testing.assert_array_equal(read(tmp_path / "a.tif").colour[..., 0], ramp)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, colours, orientation, suffix):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a{suffix}"
    Image.fromarray(colours[..., :3]).save(path, exif=exif)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    got = read(path)
    np.testing.assert_array_equal(got.colour, upright)
    if suffix != ".tif":
        assert (header(path).height, header(path).width) == got.colour.shape[:2]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".avif", ".bmp"])
def test_a_file_cut_off_is_named(tmp_path, bits, suffix):
    write(tmp_path / f"a{suffix}", picture(bits=bits))
    content = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableImageError, match=f"a{suffix}: "):
        read(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
@pytest.mark.parametrize("suffix", [".png", ".dds", ".jxl", ".tga"])
def test_other_bytes_are_named(tmp_path, content, suffix):
    (tmp_path / f"a{suffix}").write_bytes(content)
    for look in (read, header):
        with pytest.raises(UnreadableImageError, match=f"a{suffix}: "):
            look(tmp_path / f"a{suffix}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableImageError, match=r"a\.png: there is no such file"):
        read(tmp_path / "a.png")


def test_a_bomb_is_refused_by_its_header(tmp_path, monkeypatch):
    """13,000² pixels in a hundred bytes."""
    size = struct.pack(">IIBBBBB", 13000, 13000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b""))
    (tmp_path / "a.png").write_bytes(content)
    monkeypatch.setattr(pictures, "_decoded", None)
    for look in (read, header):
        with pytest.raises(UnreadableImageError, match="13000x13000 is more than 134 million pix"):
            look(tmp_path / "a.png")


def test_opencv_and_pillow_agree_on_a_jpeg(tmp_path, colours):
    """What was read by one library before is the same by the other."""
    Image.fromarray(colours[..., :3]).resize((64, 64)).save(tmp_path / "a.jpg", subsampling=2)
    expected = cv2.cvtColor(cv2.imread(str(tmp_path / "a.jpg")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(read(tmp_path / "a.jpg").colour, expected)
