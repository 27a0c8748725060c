"""Pictures as programs of all kinds write them: the right pixels, or a reason by name."""

import os
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from launch.tools.decoding import UnreadableImageError
from launch.tools.pictures import find, header, read

BLOCKS = np.random.default_rng(0).integers(1, 255, (4, 5, 3), dtype=np.uint8)
RGB = BLOCKS.repeat(4, 0).repeat(4, 1)
GREY = RGB[..., 0]
RGB16, GREY16 = RGB.astype(np.uint16) * 257, GREY.astype(np.uint16) * 257
RGB16[0, 0, 0] += 1
GREY16[0, 0] += 1
ALPHA = np.full_like(GREY, 200)
ALPHA16 = np.full_like(GREY16, 40000)
FIRST = (RGB[0, 0] == RGB).all(-1)
ADAM7 = (
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)


def chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def scanlines(pixels, bits):
    """Rows without a filter; levels of fewer than 8 bits are packed."""
    if bits < 8:
        places = np.arange(bits - 1, -1, -1)
        rows = [
            np.packbits((row[:, None] >> places & 1).astype(np.uint8).ravel()) for row in pixels
        ]
    else:
        rows = [row.astype(">u2" if bits == 16 else "u1") for row in pixels]
    return b"".join(b"\0" + row.tobytes() for row in rows)


def png(pixels, colour, bits, hidden=None, interlaced=False):
    """A PNG of one colour type: 0 grey, 2 RGB, 4 grey with alpha, 6 RGB with alpha."""
    height, width = pixels.shape[:2]
    passes = [pixels[y::down, x::right] for y, x, down, right in ADAM7] if interlaced else [pixels]
    data = b"".join(scanlines(part, bits) for part in passes if part.size)
    levels = [] if hidden is None else np.atleast_1d(hidden).tolist()
    transparent = chunk(b"tRNS", struct.pack(f">{len(levels)}H", *levels)) if levels else b""
    first = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    body = chunk(b"IHDR", first) + transparent + chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def spread(bits):
    """Levels of a few bits as bytes."""
    return np.rint((GREY >> 8 - bits) * (255 / (2**bits - 1))).astype(np.uint8)


PNGS = {
    "grey with alpha, 16 bits": (png(np.dstack([GREY16, ALPHA16]), 4, 16), GREY16, 40000 / 65535),
    "colour with alpha, 16 bits": (png(np.dstack([RGB16, ALPHA16]), 6, 16), RGB16, 40000 / 65535),
    "one colour is clear": (png(RGB, 2, 8, RGB[0, 0]), RGB, ~FIRST),
    "one colour of 16 bits is clear": (
        png(RGB16, 2, 16, RGB16[1, 1]), RGB16, ~(RGB16[1, 1] == RGB16).all(-1),
    ),
    "one grey is clear": (png(GREY, 0, 8, GREY[0, 0]), GREY, GREY[0, 0] != GREY),
    "one grey of 16 bits is clear": (
        png(GREY16, 0, 16, GREY16[1, 1]), GREY16, GREY16[1, 1] != GREY16,
    ),
    "interlaced": (png(RGB, 2, 8, interlaced=True), RGB, 1),
    "interlaced, 16 bits": (png(RGB16, 2, 16, interlaced=True), RGB16, 1),
    "interlaced grey of 16 bits": (png(GREY16, 0, 16, interlaced=True), GREY16, 1),
}  # fmt: skip
for BITS in (1, 2, 4):
    LEVELS = GREY >> 8 - BITS
    PNGS[f"{BITS} bits"] = (png(LEVELS, 0, BITS), spread(BITS), 1)
    PNGS[f"{BITS} bits, one of them clear"] = (
        png(LEVELS, 0, BITS, LEVELS[0, 0]), spread(BITS), LEVELS[0, 0] != LEVELS,
    )  # fmt: skip


def agrees(path, pixels, opacity=1.0, tolerance=0.0):
    """Pixels where something is visible, depth, grey and alpha; the header says the same."""
    got, said = read(path), header(path)
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    assert (got.colour.shape, got.bits) == (pixels.shape, 8 * pixels.itemsize)
    assert (said.height, said.width, said.grey) == (*pixels.shape[:2], pixels.shape[-1] == 1)
    np.testing.assert_allclose(got.opacity, np.broadcast_to(opacity, GREY.shape), atol=1e-5)
    visible = got.opacity > 0
    difference = np.abs(got.colour.astype(int) - pixels)[visible].max()
    assert difference <= tolerance


@pytest.mark.parametrize("name", PNGS)
def test_every_kind_of_png(tmp_path, name):
    content, pixels, opacity = PNGS[name]
    (tmp_path / "a.png").write_bytes(content)
    agrees(tmp_path / "a.png", pixels, opacity)


def test_a_palette_may_be_clear_in_part(tmp_path):
    image = Image.fromarray(RGB).quantize(16)
    levels = np.array([0, 128, *[255] * 14])
    image.save(tmp_path / "a.png", transparency=bytes(levels.tolist()))
    pixels = np.asarray(image.convert("RGB"))
    agrees(tmp_path / "a.png", pixels, levels[np.asarray(image)] / 255)


COLOUR, MULTIPLIED = {"photometric": "rgb"}, {"photometric": "rgb", "extrasamples": ["assocalpha"]}
CLEAR = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
HALF16 = np.rint(RGB16 * (40000 / 65535)).astype(np.uint16)
TIFFS = {
    "BigTIFF": (RGB, {"bigtiff": True, **COLOUR}, RGB, 1),
    "big-endian": (RGB16, {"byteorder": ">", **COLOUR}, RGB16, 1),
    "big-endian grey": (GREY16, {"byteorder": ">"}, GREY16, 1),
    "tiles": (RGB, {"tile": (16, 16), **COLOUR}, RGB, 1),
    "tiles of 16 bits": (GREY16, {"tile": (16, 16)}, GREY16, 1),
    "planes": (RGB.transpose(2, 0, 1), {"planarconfig": "separate", **COLOUR}, RGB, 1),
    "planes of 16 bits": (
        RGB16.transpose(2, 0, 1),
        {"planarconfig": "separate", **COLOUR},
        RGB16,
        1,
    ),
    "with a predictor": (RGB16, {"compression": "lzw", "predictor": True, **COLOUR}, RGB16, 1),
    "white is 0": (255 - GREY, {"photometric": "miniswhite"}, GREY, 1),
    "white is 0, 16 bits": (65535 - GREY16, {"photometric": "miniswhite"}, GREY16, 1),
    "alpha": (np.dstack([RGB, ALPHA]), CLEAR, RGB, 200 / 255),
    "alpha of 16 bits": (np.dstack([RGB16, ALPHA16]), CLEAR, RGB16, 40000 / 65535),
    "colour times alpha, 16 bits": (np.dstack([HALF16, ALPHA16]), MULTIPLIED, RGB16, 40000 / 65535),
}
for METHOD in ("lzw", "zlib", "packbits", "zstd"):
    TIFFS[METHOD] = (RGB, {"compression": METHOD, **COLOUR}, RGB, 1)
    TIFFS[f"{METHOD}, 16 bits"] = (RGB16, {"compression": METHOD, **COLOUR}, RGB16, 1)


@pytest.mark.parametrize("name", TIFFS)
def test_every_kind_of_tiff(tmp_path, name):
    stored, options, pixels, opacity = TIFFS[name]
    tifffile.imwrite(tmp_path / "a.tif", stored, **options)
    agrees(tmp_path / "a.tif", pixels, opacity, tolerance=1 if "times" in name else 0)


REFUSED = {
    "8 bits with a sign": (GREY.astype(np.int8), {}, "integer pixels with a sign"),
    "16 bits with a sign": (GREY16.astype(np.int16), {}, "integer pixels with a sign"),
    "32 bits": (GREY16.astype(np.uint32), {}, "of 32 bits"),
    "not a number": (np.full((4, 4), np.nan, np.float32), {}, "floating point from nan to nan"),
    "double precision": (GREY / 255, {}, "no known kind of TIFF that is read here"),
    "floating colour": ((RGB / 255).astype(np.float32), COLOUR, "no known kind of TIFF"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tiffs_without_one_meaning_are_refused_by_name(tmp_path, name):
    stored, options, said = REFUSED[name]
    tifffile.imwrite(tmp_path / "a.tif", stored, **options)
    with pytest.raises(UnreadableImageError, match=rf"a\.tif: .*{said}"):
        read(tmp_path / "a.tif")


def test_channels_without_a_meaning_are_left_out_and_told(tmp_path):
    extra = {"photometric": "rgb", "extrasamples": ["unspecified"] * 2}
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([RGB, ALPHA, ALPHA]), **extra)
    got = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(got.colour, RGB)
    assert got.assumed == ("2 of its channels have no meaning in the file and are left out",)


def test_jpegs_of_four_inks_are_upright_in_brightness(tmp_path):
    """CMYK as Adobe writes it, which is inverted, and YCCK, its compressed form."""
    inks = 255 - np.dstack([RGB, np.full_like(GREY, 255)])
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=100)
    stored = np.dstack([RGB, np.full_like(GREY, 255)])
    ycck = imagecodecs.jpeg8_encode(stored, 100, colorspace="CMYK", outcolorspace="YCCK")
    (tmp_path / "b.jpg").write_bytes(ycck)
    for name in ("a.jpg", "b.jpg"):
        assert np.abs(read(tmp_path / name).rgb8.astype(int) - RGB).mean() < 12
        assert read(tmp_path / name).assumed == ("CMYK turned into RGB without its colour profile",)


TURNED = Image.Exif()
TURNED[274] = 6
SIDEWAYS = {
    "a.jpg": lambda p: Image.fromarray(RGB).save(p, exif=TURNED, quality=100, subsampling=0),
    "a.png": lambda p: Image.fromarray(RGB).save(p, exif=TURNED),
    "a.webp": lambda p: Image.fromarray(RGB).save(p, exif=TURNED, lossless=True),
    "a.avif": lambda p: Image.fromarray(RGB).save(p, exif=TURNED, quality=100, subsampling="4:4:4"),
    "grey.tif": lambda p: turned_tiff(p, GREY),
    "rgb.tif": lambda p: turned_tiff(p, RGB, **COLOUR),
    "alpha.tif": lambda p: turned_tiff(p, np.dstack([RGB, ALPHA]), **CLEAR),
    "grey16.tif": lambda p: turned_tiff(p, GREY16),
    "rgb16.tif": lambda p: turned_tiff(p, RGB16, **COLOUR),
    "lzw.tif": lambda p: turned_tiff(p, RGB, compression="lzw", **COLOUR),
    "float.tif": lambda p: turned_tiff(p, GREY.astype(np.float32) / 255),
}


def turned_tiff(path, pixels, **options):
    tifffile.imwrite(path, pixels, extratags=[(274, "H", 1, 6, True)], **options)


@pytest.mark.parametrize("name", SIDEWAYS)
def test_every_format_is_upright(tmp_path, name):
    path = tmp_path / name
    SIDEWAYS[name](path)
    got, said = read(path), header(path)
    assert got.colour.shape[:2] == (said.height, said.width) == RGB.shape[1::-1]
    expected = np.rot90(GREY[..., None] if got.grey else RGB, -1)
    lossy = path.suffix in (".jpg", ".avif")
    assert np.abs(got.rgb8.astype(int) - expected).max() <= 3 * lossy


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("opacity", [1, 0.5])
def test_deep_avif_keeps_its_levels(tmp_path, bits, opacity):
    most = 2**bits - 1
    levels = np.rint(RGB16 / 65535 * most).astype(np.uint16)
    alpha = np.full(GREY.shape, round(opacity * most), np.uint16)
    stored = levels if opacity == 1 else np.dstack([levels, alpha])
    encoded = imagecodecs.avif_encode(stored, level=100, bitspersample=bits)
    (tmp_path / "a.avif").write_bytes(encoded)
    got = read(tmp_path / "a.avif")
    assert (got.bits, got.assumed) == (16, ())
    np.testing.assert_allclose(got.colour / 65535, levels / most, atol=2.5 / most)
    np.testing.assert_allclose(got.opacity, opacity, atol=2 / most)


def test_a_dark_deep_avif_is_not_taken_for_one_of_fewer_bits(tmp_path):
    dark = imagecodecs.avif_encode(RGB.astype(np.uint16) // 8, level=100, bitspersample=10)
    (tmp_path / "a.avif").write_bytes(dark)
    assert read(tmp_path / "a.avif").rgb.max() < 0.04


def wide_png(curve):
    content = png(RGB, 2, 8)
    place = content.index(b"IDAT") - 4
    return content[:place] + chunk(b"cICP", bytes([9, curve, 0, 1])) + content[place:]


@pytest.mark.parametrize(("curve", "name"), [(16, "PQ"), (18, "HLG"), (13, "")])
def test_brightness_of_wide_range_is_told(tmp_path, curve, name):
    (tmp_path / "a.png").write_bytes(wide_png(curve))
    encoded = imagecodecs.avif_encode(RGB, level=100, transfer=curve)
    (tmp_path / "a.avif").write_bytes(encoded)
    said = (f"read as sRGB, though its brightness is coded as {name}",) if name else ()
    for file in ("a.png", "a.avif"):
        assert read(tmp_path / file).assumed == said


def test_floating_point_in_dds_is_refused(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.dds", pixel_format="BC5")
    content = bytearray((tmp_path / "a.dds").read_bytes())
    content[84:88] = b"DX10"
    content[128:128] = struct.pack("<5I", 95, 3, 0, 1, 0)
    (tmp_path / "a.dds").write_bytes(content)
    with pytest.raises(UnreadableImageError, match="BC6H holds brightness without a limit"):
        read(tmp_path / "a.dds")


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for reader in (read, header):
        with pytest.raises(UnreadableImageError, match=r"a\.png: it is no file of bytes"):
            reader(tmp_path / "a.png")


def test_a_header_of_a_giant_is_refused_with_what_to_do(tmp_path):
    first = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 0, 0, 0, 0)
    ends = chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", first) + ends)
    with pytest.raises(UnreadableImageError, match="raise the environment variable LAUNCH_LARG"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"optimize": True}, {"qtables": "web_high"}]
)
def test_jpegs_of_several_kinds(tmp_path, options):
    Image.fromarray(RGB).save(tmp_path / "a.jpg", quality=100, subsampling=0, **options)
    limit = 60 if "qtables" in options else 8
    assert np.abs(read(tmp_path / "a.jpg").rgb8.astype(int) - RGB).max() <= limit


def test_a_profile_other_than_srgb_is_told(tmp_path):
    standard = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name, profile in (("srgb", standard), ("other", wide), ("broken", b"a profile")):
        Image.fromarray(RGB).save(tmp_path / f"{name}.png", icc_profile=profile)
    assert read(tmp_path / "srgb.png").assumed == read(tmp_path / "broken.png").assumed == ()
    (said,) = read(tmp_path / "other.png").assumed
    assert said.startswith("its colour profile is not applied (")


def test_what_lies_in_a_folder_beside_pictures(tmp_path):
    """Folders called a picture are entered, links followed once, links to nothing told."""
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for path in (folder / "a.png" / "in.PNG", elsewhere / "ü 名.jpg", folder / "._a.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RGB).save(path)
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    (folder / "nothing.png").symlink_to("nowhere")
    names = [path.relative_to(folder).as_posix() for path in find(folder)]
    assert names == ["a.png/in.PNG", "linked/ü 名.jpg", "nothing.png"]
    with pytest.raises(UnreadableImageError, match=r"nothing\.png: there is no such file"):
        read(folder / "nothing.png")


def test_the_content_counts_and_not_the_suffix(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png", "WEBP", lossless=True)
    agrees(tmp_path / "a.png", RGB)
