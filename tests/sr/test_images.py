"""Every kind of file comes in as float RGB and goes out in its own mode."""

import numpy as np
import pytest
from launch.experiments.sr.images import Picture, UnreadableImageError, find, read, write
from PIL import Image, ImageOps

HEIGHT, WIDTH = 6, 8


@pytest.fixture
def colours():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)


def picture(grey=False, alpha=False, bits=8):
    values = np.random.default_rng(1).random((HEIGHT, WIDTH, 4), dtype=np.float32)
    rgb = values[..., :1].repeat(3, axis=-1) if grey else values[..., :3]
    return Picture(rgb, values[..., 3] if alpha else None, grey, bits)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp", ".jpg"])
def test_rgb_comes_in_as_floats_between_0_and_1(tmp_path, colours, suffix):
    Image.fromarray(colours[..., :3]).save(tmp_path / f"a{suffix}", lossless=True, quality=100)
    got = read(tmp_path / f"a{suffix}")
    assert got.rgb.shape == (HEIGHT, WIDTH, 3) and got.rgb.dtype == np.float32
    assert (got.alpha, got.grey, got.bits) == (None, False, 8)
    assert got.rgb.min() >= 0 and got.rgb.max() <= 1
    if suffix != ".jpg":
        np.testing.assert_array_equal(np.rint(got.rgb * 255), colours[..., :3])


def test_grey_has_three_equal_channels(tmp_path, colours):
    Image.fromarray(colours[..., 0]).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    assert got.grey and got.alpha is None
    np.testing.assert_array_equal(np.rint(got.rgb * 255), colours[..., :1].repeat(3, -1))


def test_alpha_is_kept_apart(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    np.testing.assert_array_equal(np.rint(got.rgb * 255), colours[..., :3])
    np.testing.assert_array_equal(np.rint(got.alpha * 255), colours[..., 3])


def test_palette_becomes_rgb_and_its_transparency_alpha(tmp_path, colours):
    image = Image.fromarray(colours[..., :3]).quantize(16)
    image.save(tmp_path / "opaque.png")
    image.save(tmp_path / "clear.png", transparency=image.getpixel((0, 0)))
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(np.rint(read(tmp_path / "opaque.png").rgb * 255), expected)
    alpha = read(tmp_path / "clear.png").alpha
    assert alpha is not None and alpha[0, 0] == 0 and alpha.max() == 1


def test_one_bit_is_grey(tmp_path):
    Image.fromarray(np.eye(8, dtype=bool)).save(tmp_path / "a.png")
    got = read(tmp_path / "a.png")
    assert got.grey
    np.testing.assert_array_equal(got.rgb[..., 0], np.eye(8))


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    got = read(tmp_path / "a.jpg")
    np.testing.assert_allclose(got.rgb[8, 8], [1, 0, 0], atol=0.03)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("grey", [False, True])
def test_sixteen_bits_keep_their_low_byte(tmp_path, suffix, grey):
    original = picture(grey, bits=16)
    write(tmp_path / f"a{suffix}", original)
    got = read(tmp_path / f"a{suffix}")
    assert (got.bits, got.grey) == (16, grey)
    np.testing.assert_allclose(got.rgb, original.rgb, atol=1 / 65535)
    assert len(np.unique(np.rint(got.rgb[..., 0] * 65535) % 256)) > 10


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_written_in_the_mode_it_came_in(tmp_path, grey, alpha, bits):
    original = picture(grey, alpha, bits)
    write(tmp_path / "new_folder" / "a.png", original)
    got = read(tmp_path / "new_folder" / "a.png")
    assert got.bits == bits
    assert got.grey == grey or (bits == 16 and alpha)  # no writer for 16-bit grey with alpha
    np.testing.assert_allclose(got.rgb, original.rgb, atol=1 / 2**bits)
    if original.alpha is None:
        assert got.alpha is None
    else:
        np.testing.assert_allclose(got.alpha, original.alpha, atol=1 / 2**bits)


def test_sixteen_bits_become_eight_where_the_format_has_no_more(tmp_path):
    write(tmp_path / "a.bmp", picture(bits=16))
    assert read(tmp_path / "a.bmp").bits == 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, colours, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(colours[..., :3]).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(np.rint(read(tmp_path / "a.png").rgb * 255), upright)


def test_colour_profile_survives(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=b"a profile")
    write(tmp_path / "b.png", read(tmp_path / "a.png"))
    assert read(tmp_path / "b.png").profile == b"a profile"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_file_cut_off_is_named(tmp_path, bits, suffix):
    write(tmp_path / f"a{suffix}", picture(bits=bits))
    content = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableImageError, match=f"a{suffix}: "):
        read(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_other_bytes_are_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"a\.png"):
        read(tmp_path / "a.png")


def test_floating_point_files_are_refused(tmp_path):
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImageError, match="floating point"):
        read(tmp_path / "a.tif")


def test_find_goes_into_folders_in_order_and_skips_hidden_files(tmp_path):
    for name in ("b.PNG", "a.jpg", "deep/c.webp", "notes.txt", ".hidden.png", ".cache/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in find(tmp_path)]
    assert names == ["a.jpg", "b.PNG", "deep/c.webp"]
