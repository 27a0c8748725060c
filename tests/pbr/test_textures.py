"""Texture files: modes, sizes, and normal maps in every way that games store them."""

import os
import struct

import cv2
import etcpak
import numpy as np
import pytest
from PIL import Image, ImageOps

from launch.experiments.pbr import dds, textures
from launch.experiments.pbr.layers import unit
from launch.experiments.pbr.shading import normals_of
from launch.experiments.pbr.textures import UnreadableTextureError, axes, normal_bytes, vectors
from launch.tools.pictures import write_png

SIDE = 64


@pytest.fixture(scope="module")
def bump() -> np.ndarray:
    """Normals of a smooth bump, at most 60 degrees steep, y up."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    return normals_of(np.exp(-(x**2 + y**2) * 20), 20.0)


def degrees(first: np.ndarray, second: np.ndarray) -> float:
    """The largest angle between two fields of vectors."""
    cosine = np.clip((unit(first) * unit(second)).sum(axis=-1), -1, 1)
    return float(np.degrees(np.arccos(cosine)).max())


def levels(normal: np.ndarray) -> np.ndarray:
    return np.rint((normal + 1) / 2 * 255).astype(np.uint8)


def layouts(normal: np.ndarray) -> dict[str, np.ndarray]:
    """Ways to store a normal map, (H, W, C) bytes."""
    rgb = levels(normal)
    x, y = rgb[..., 0], rgb[..., 1]
    full, none = np.full_like(x, 255), np.zeros_like(x)
    specular = np.linspace(0, 255, SIDE, dtype=np.uint8)[None].repeat(SIDE, 0)
    return {
        "x y z": rgb,
        "with specular": np.dstack([rgb, specular]),
        "two channels": np.dstack([x, y]),
        "no blue": np.dstack([x, y, none]),
        "white blue": np.dstack([x, y, full]),
        "x in alpha": np.dstack([full, y, full, x]),
        "x in alpha, black": np.dstack([none, y, none, x]),
        "x in alpha, grey": np.dstack([y, y, y, x]),
    }


LAYOUTS = ("x y z", "with specular", "two channels", "no blue", "white blue")
LAYOUTS += ("x in alpha", "x in alpha, black", "x in alpha, grey")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("directx", [False, True])
def test_normals_in_every_layout(bump, layout, directx):
    stored = bump * [1, -1, 1] if directx else bump
    image = layouts(stored)[layout]
    assert degrees(vectors(textures.floats(image), directx), bump) < 1.5
    assert degrees(normal_bytes(image, directx) / 127.5 - 1, bump) < 2
    assert normal_bytes(image, directx)[..., 2].min() > 127


BLOCKS = [  # code in the header, encoder, layout of what it is given
    (b"ATI2", etcpak.compress_bc5, "with specular"),
    (b"BC5U", etcpak.compress_bc5, "with specular"),
    (b"DXT1", etcpak.compress_bc1, "with specular"),
    (b"DXT5", etcpak.compress_bc3, "x in alpha"),
    (b"DXT5", etcpak.compress_bc3, "x in alpha, grey"),
]


@pytest.mark.parametrize(("code", "encode", "layout"), BLOCKS)
def test_normals_in_blocks(bump, code, encode, layout, tmp_path):
    image = layouts(bump)[layout]
    head = struct.pack("<7I", 124, 0x1007, SIDE, SIDE, 0, 0, 1) + bytes(44)
    head += struct.pack("<2I4s5I", 32, 4, code, *[0] * 5) + struct.pack("<5I", 0x1000, *[0] * 4)
    data = encode(image.tobytes(), SIDE, SIDE)
    (tmp_path / "a_n.dds").write_bytes(b"DDS " + head + data)
    found = vectors(textures.read(tmp_path / "a_n.dds"), False)
    assert np.degrees(np.arccos(np.clip((found * bump).sum(axis=-1), -1, 1))).mean() < 3


@pytest.mark.parametrize("layout", ["x y z", "x in alpha", "x in alpha, grey"])
def test_normals_in_the_best_blocks(bump, layout, tmp_path):
    image = layouts(bump)[layout]
    full = np.full((SIDE, SIDE), 255, np.uint8)
    image = image if image.shape[-1] == 4 else np.dstack([image, full])
    (tmp_path / "a_n.dds").write_bytes(b"".join(dds.encode([image], "bc7", srgb=False)))
    found = vectors(textures.read(tmp_path / "a_n.dds"), False)
    assert np.degrees(np.arccos(np.clip((found * bump).sum(axis=-1), -1, 1))).mean() < 1


def test_a_flat_normal_map_with_a_highlight_in_alpha_is_flat():
    flat = layouts(np.broadcast_to(np.array([0, 0, 1.0]), (SIDE, SIDE, 3)))["with specular"]
    assert axes(flat) == (0, 1, None)
    assert degrees(vectors(textures.floats(flat), False), np.array([0, 0, 1.0])) < 0.5


def test_waves_along_one_axis_are_no_swizzle():
    """Red is constant, and alpha is not: still x, y, z."""
    waves = np.sin(np.arange(SIDE) / 5)[:, None].repeat(SIDE, 1)
    normal = normals_of(waves, 2.0)
    image = layouts(normal)["with specular"]
    assert degrees(vectors(textures.floats(image), False), normal) < 1.5


def test_a_grey_picture_is_no_normal_map():
    with pytest.raises(ValueError, match="has one channel"):
        vectors(np.zeros((4, 4, 1), np.float32), False)


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("LA", 4), ("P", 3), ("RGB", 3), ("RGBA", 4), ("CMYK", 3)]
)
@pytest.mark.parametrize("suffix", ["png", "tga", "bmp", "tiff", "jpg"])
def test_modes_of_pictures(mode, channels, suffix, tmp_path):
    unable = {"jpg": ("LA", "P", "RGBA"), "bmp": ("LA", "CMYK", "RGBA"), "png": ("CMYK",)}
    if mode in unable.get(suffix, ()) or (suffix, mode) == ("tga", "CMYK"):
        return
    path = tmp_path / f"a.{suffix}"
    image = Image.new("RGB", (12, 8), (90, 90, 90))
    (image.quantize(4) if mode == "P" else image.convert(mode)).save(path)
    found = textures.read(path)
    assert found.shape == (8, 12, channels)
    assert textures.size_of(path) == (8, 12)
    np.testing.assert_allclose(found[..., 0], 90 / 255, atol=2 / 255)


def test_a_palette_with_transparency_has_alpha(tmp_path):
    image = Image.new("RGB", (4, 4), (9, 9, 9)).convert("P")
    image.save(tmp_path / "a.png", transparency=0)
    assert textures.read(tmp_path / "a.png").shape == (4, 4, 4)


DEEP = np.random.default_rng(0).integers(0, 65536, (8, 12, 4), dtype=np.uint16)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_stay_and_as_bytes_it_is_told(suffix, channels, tmp_path):
    """Low values too: a flat height map is no picture of 12 bits."""
    path, pixels = tmp_path / f"a.{suffix}", DEEP[..., :channels] // 20
    cv2.imwrite(str(path), pixels if channels == 1 else pixels[..., [2, 1, 0, 3][:channels]])
    found = textures.stored(path)
    np.testing.assert_array_equal(found.pixels, pixels)
    np.testing.assert_array_equal(found.as_bytes, np.rint(pixels / 257))
    assert (found.assumed, found.shortened) == ((), ("shortened to 8 bits per channel",))
    np.testing.assert_allclose(textures.read(path), pixels / 65535, atol=1e-6)


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_photos_stand_upright(turn, tmp_path):
    image = Image.fromarray((DEEP[..., :3] >> 8).astype(np.uint8).repeat(8, 0).repeat(8, 1))
    exif = Image.Exif()
    exif[0x112] = turn
    image.save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.jpg")))
    np.testing.assert_allclose(textures.stored(tmp_path / "a.jpg").pixels, expected, atol=2)
    assert textures.size_of(tmp_path / "a.jpg") == expected.shape[:2]


def test_alpha_of_a_normal_map_hides_nothing(tmp_path):
    """It is specular, and black where nothing shines: the normals there are what they are."""
    pixels = np.full((8, 8, 4), (128, 128, 255, 0), np.uint8)
    pixels[4:] = 200
    write_png(tmp_path / "a_n.png", pixels)
    np.testing.assert_array_equal(textures.stored(tmp_path / "a_n.png").pixels, pixels)


def test_what_is_assumed_or_left_out_is_told(tmp_path):
    """Frames, CMYK, profiles, floating point."""
    image = Image.fromarray((DEEP[..., :3] >> 8).astype(np.uint8))
    image.save(tmp_path / "a.gif", save_all=True, append_images=[image.rotate(180)])
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(np.float32(DEEP[..., 0] / 65535)).save(tmp_path / "float.tiff")
    header = struct.pack("<7I", 124, 0x1007, 8, 12, 0, 0, 1) + bytes(44)
    header += struct.pack("<2I4s5I", 32, 4, struct.pack("<I", 116), *[0] * 5) + bytes(20)
    (tmp_path / "float.dds").write_bytes(b"DDS " + header + DEEP.astype("<f4").tobytes())
    assert textures.stored(tmp_path / "a.gif").assumed == ("the first of 2 frames",)
    assert "CMYK turned into RGB" in textures.stored(tmp_path / "cmyk.jpg").assumed[0]
    assert "floating point" in textures.stored(tmp_path / "float.tiff").shortened[0]
    high = textures.stored(tmp_path / "float.dds")
    assert high.shortened == (textures.UNBOUNDED, textures.SHORTENED)
    assert high.pixels.max() == 1


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tga", "a.dds"])
def test_a_file_that_was_cut_off_is_named(name, tmp_path):
    image = Image.fromarray((DEEP[..., :3] >> 8).astype(np.uint8).repeat(8, 0))
    image.save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(UnreadableTextureError, match=rf"{name}: .*(cut|truncated|no known)"):
        textures.stored(tmp_path / name)


def test_a_file_is_what_its_bytes_say(tmp_path):
    """Modders rename."""
    image = Image.fromarray((DEEP[..., :3] >> 8).astype(np.uint8))
    image.save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dds")
    np.testing.assert_array_equal(textures.stored(tmp_path / "a.dds").pixels, np.asarray(image))
    image.save(tmp_path / "b.dds")
    (tmp_path / "b.dds").rename(tmp_path / "b.png")
    np.testing.assert_array_equal(textures.stored(tmp_path / "b.png").pixels, np.asarray(image))
    assert textures.size_of(tmp_path / "a.dds") == textures.size_of(tmp_path / "b.png") == (8, 12)


def test_a_pipe_is_no_texture(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for read in (textures.stored, textures.size_of):
        with pytest.raises(UnreadableTextureError, match="no file of bytes"):
            read(tmp_path / "a.png")


def test_two_channels_are_no_colour():
    with pytest.raises(ValueError, match="two channels"):
        textures.colour(np.zeros((4, 4, 2), np.uint8))


@pytest.mark.parametrize("read", [textures.read, textures.size_of])
@pytest.mark.parametrize("content", [b"<html>", b"", b"DDS " + bytes(200)])
def test_a_file_that_is_no_picture_is_named(tmp_path, read, content):
    (tmp_path / "page.png").write_bytes(content)
    with pytest.raises(UnreadableTextureError, match=r"page\.png: "):
        read(tmp_path / "page.png")
