"""Every kind of file comes in with the right pixels, or is refused by name."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from launch.tools.pictures import Picture, UnreadableImageError, find, header, left_out, read, write

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


# What formats hold


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp", ".jpg", ".tga", ".avif"])
def test_rgb_comes_in_as_it_is(tmp_path, colours, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(colours[..., :3]).save(path, lossless=True, quality=100)
    got = read(path)
    assert got.colour.shape == (HEIGHT, WIDTH, 3) and got.colour.dtype == np.uint8
    assert (got.alpha, got.grey, got.bits, got.assumed) == (None, False, 8, ())
    if suffix not in (".jpg", ".avif"):
        np.testing.assert_array_equal(got.colour, colours[..., :3])


def test_floats_are_between_0_and_1(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    np.testing.assert_allclose(got.rgb, colours[..., :3] / 255, atol=1e-7)
    np.testing.assert_allclose(got.opacity, colours[..., 3] / 255, atol=1e-7)
    np.testing.assert_array_equal(got.rgb8, colours[..., :3])


def test_grey_has_one_channel_and_three_equal_ones_as_rgb(tmp_path, colours):
    Image.fromarray(colours[..., 0]).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    assert got.grey and got.alpha is None and header(tmp_path / "a.png").grey
    np.testing.assert_array_equal(got.rgb8, colours[..., :1].repeat(3, -1))
    np.testing.assert_allclose(got.luma, colours[..., 0] / 255, atol=1e-7)


def test_luma_of_colour_is_that_of_bt_601(tmp_path):
    red = Picture(np.array([[[255, 0, 0]]], np.uint8))
    np.testing.assert_allclose(red.luma, 0.299, atol=1e-6)


def test_palette_becomes_rgb_and_its_transparency_alpha(tmp_path, colours):
    image = Image.fromarray(colours[..., :3]).quantize(16)
    image.save(tmp_path / "opaque.png")
    image.save(tmp_path / "clear.png", transparency=image.getpixel((0, 0)))
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read(tmp_path / "opaque.png").rgb8, expected)
    alpha = read(tmp_path / "clear.png").alpha
    assert alpha is not None and alpha[0, 0] == 0 and alpha.max() == 255


def test_one_bit_is_grey(tmp_path):
    Image.fromarray(np.eye(8, dtype=bool)).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    assert got.grey
    np.testing.assert_array_equal(got.colour[..., 0], np.eye(8) * 255)


def test_cmyk_becomes_rgb_and_that_is_said(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    got = read(tmp_path / "a.jpg")
    np.testing.assert_allclose(got.rgb[8, 8], [1, 0, 0], atol=0.03)
    assert got.assumed == ("CMYK turned into RGB without its colour profile",)


# Depth


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("grey", [False, True])
def test_sixteen_bits_keep_their_low_byte(tmp_path, suffix, grey):
    original = picture(grey, bits=16)
    write(tmp_path / f"a{suffix}", original)
    got = read(tmp_path / f"a{suffix}")
    assert (got.bits, got.grey, got.assumed) == (16, grey, ())
    np.testing.assert_array_equal(got.colour, original.colour)


def test_twelve_bits_in_sixteen_are_not_black(tmp_path):
    ramp = np.linspace(0, 3120, 48, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    np.testing.assert_allclose(got.luma, ramp / 4095, atol=1e-5)
    assert got.assumed == ("read as 12 bits in 16: no value is above 3120",)
    for bits in (16, 14):
        told = read(tmp_path / "a.png", bits)
        np.testing.assert_allclose(told.luma, ramp / (2**bits - 1), atol=1e-5)
        assert told.assumed == ()
    with pytest.raises(UnreadableImageError, match="10 bits were expected, but a value is 3120"):
        read(tmp_path / "a.png", 10)


def test_a_tiff_may_say_its_largest_value(tmp_path):
    ramp = np.linspace(0, 1000, 48, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    Image.fromarray(ramp).save(tmp_path / "a.tif", tiffinfo={281: 1023})
    got = read(tmp_path / "a.tif")
    np.testing.assert_allclose(got.luma, ramp / 1023, atol=1e-5)
    assert got.assumed == ("values up to 1023, as the file says",)


def test_floating_point_is_read_in_its_one_range(tmp_path):
    ramp = np.linspace(0, 1, 48, dtype=np.float32).reshape(HEIGHT, WIDTH)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    got = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(got.luma, ramp)
    assert got.assumed == ("floating point, read as [0, 1]",)
    write(tmp_path / "b.tif", got)
    np.testing.assert_array_equal(read(tmp_path / "b.tif").luma, ramp)


@pytest.mark.parametrize("scale", [-1, 2, np.nan])
def test_floating_point_of_another_range_is_refused(tmp_path, scale):
    Image.fromarray(np.full((4, 4), scale, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImageError, match=r"a\.tif: floating point from .* only \[0, 1\]"):
        read(tmp_path / "a.tif")


def test_whole_numbers_of_32_bits_are_refused(tmp_path):
    Image.fromarray(np.ones((4, 4), np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImageError, match="of 32 bits have no range of their own"):
        read(tmp_path / "a.tif")


# Alpha


def test_alpha_is_kept_apart_and_composited_when_asked(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    np.testing.assert_array_equal(got.colour, colours[..., :3])
    np.testing.assert_array_equal(got.alpha, colours[..., 3])
    white = Image.new("RGBA", (WIDTH, HEIGHT), "white")
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(colours)))[..., :3]
    np.testing.assert_allclose(got.over(1.0), expected / 255, atol=1 / 255)


def test_one_hidden_colour_is_filled_from_what_is_visible(tmp_path):
    pixels = np.zeros((5, 9, 4), np.uint8)
    pixels[:, 3:5] = (200, 100, 50, 255)
    pixels[:, 5] = (0, 255, 0, 1)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    assert (got.colour[:, :5] == (200, 100, 50)).all() and (got.colour[:, 5:] == (0, 255, 0)).all()
    np.testing.assert_array_equal(got.alpha, pixels[..., 3])
    assert got.assumed == ("colour under alpha 0 taken from the nearest visible pixel",)


def test_many_hidden_colours_are_data(tmp_path, colours):
    """A texture may use alpha for something else."""
    colours[:3, :, 3] = 0
    Image.fromarray(colours).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png").colour, colours[..., :3])


def test_a_picture_of_nothing_says_so(tmp_path):
    Image.new("LA", (4, 4), (200, 0)).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    assert got.over().max() == 0
    assert got.assumed == ("nothing is visible, alpha is 0 everywhere",)


# Several pictures, profiles


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tif"])
def test_the_first_of_several_and_that_is_said(tmp_path, name):
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (60, 120, 180)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    got = read(tmp_path / name)
    assert (got.rgb8 == 60).all()
    assert got.assumed == (f"the first of 3 {'pages' if name == 'a.tif' else 'frames'}",)


def test_colour_profile_survives(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=b"a profile")
    write(tmp_path / "b.png", read(tmp_path / "a.png"))
    assert read(tmp_path / "b.png").profile == b"a profile"


def test_another_gamma_is_said(tmp_path, colours):
    Image.fromarray(colours[..., :3]).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    (tmp_path / "a.png").write_bytes(content[:33] + gamma + content[33:])
    assert read(tmp_path / "a.png").assumed == ("read as sRGB, though the file names a gamma of 1",)


# Writing and finding


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_written_in_the_mode_it_came_in(tmp_path, grey, alpha, bits):
    original = picture(grey, alpha, bits)
    write(tmp_path / "new_folder" / "a.png", original)
    got = read(tmp_path / "new_folder" / "a.png")
    assert got.bits == bits
    assert got.grey == grey or (bits == 16 and alpha)  # no writer for 16-bit grey with alpha
    np.testing.assert_array_equal(got.rgb, original.rgb)
    np.testing.assert_array_equal(got.opacity, original.opacity)


def test_sixteen_bits_become_eight_where_the_format_has_no_more(tmp_path):
    write(tmp_path / "a.bmp", picture(bits=16))
    assert read(tmp_path / "a.bmp").bits == 8


def test_alpha_is_left_out_where_the_format_has_none(tmp_path):
    write(tmp_path / "a.jpg", picture(alpha=True))
    assert read(tmp_path / "a.jpg").alpha is None


def test_floats_take_the_mode_of_a_picture():
    for original in (picture(), picture(grey=True, alpha=True, bits=16)):
        alpha = None if original.alpha is None else original.opacity
        again = original.with_pixels(original.rgb, alpha)
        np.testing.assert_allclose(again.rgb, original.rgb, atol=1e-5)
        assert (again.bits, again.grey) == (original.bits, original.grey)
        np.testing.assert_array_equal(again.opacity, original.opacity)


def test_find_goes_into_folders_in_order_and_skips_hidden_files(tmp_path):
    names = ("b.PNG", "a.jpg", "deep/c.webp", "notes.txt", ".hidden.png", ".cache/d.png", "e.heic")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find(tmp_path)]
    assert found == ["a.jpg", "b.PNG", "deep/c.webp"]
    assert left_out(tmp_path) == {".heic": 1}
