"""Texture files: modes, sizes, and normal maps in every way that games store them."""

import struct

import etcpak
import numpy as np
import pytest
from PIL import Image

from launch.experiments.pbr import dds, textures
from launch.experiments.pbr.layers import unit
from launch.experiments.pbr.shading import normals_of
from launch.experiments.pbr.textures import UnreadableTextureError, axes, normal_bytes, vectors

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


BLOCKS = {  # code in the header -> encoder, layout of what it is given
    b"ATI2": (etcpak.compress_bc5, "with specular"),
    b"BC5U": (etcpak.compress_bc5, "with specular"),
    b"DXT1": (etcpak.compress_bc1, "with specular"),
    b"DXT5": (etcpak.compress_bc3, "x in alpha"),
}


@pytest.mark.parametrize("code", list(BLOCKS))
def test_normals_in_blocks(bump, code, tmp_path):
    encode, layout = BLOCKS[code]
    image = layouts(bump)[layout]
    head = struct.pack("<7I", 124, 0x1007, SIDE, SIDE, 0, 0, 1) + bytes(44)
    head += struct.pack("<2I4s5I", 32, 4, code, *[0] * 5) + struct.pack("<5I", 0x1000, *[0] * 4)
    data = encode(image.tobytes(), SIDE, SIDE)
    (tmp_path / "a_n.dds").write_bytes(b"DDS " + head + data)
    found = vectors(textures.read(tmp_path / "a_n.dds"), False)
    assert np.degrees(np.arccos(np.clip((found * bump).sum(axis=-1), -1, 1))).mean() < 3


@pytest.mark.parametrize("layout", ["x y z", "x in alpha"])
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


def test_height_keeps_16_bits(tmp_path):
    values = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)
    textures.write(tmp_path / "a_height.png", values)
    np.testing.assert_allclose(textures.read(tmp_path / "a_height.png")[..., 0], values, atol=1e-5)


def test_two_channels_are_no_colour():
    with pytest.raises(ValueError, match="two channels"):
        textures.colour(np.zeros((4, 4, 2), np.uint8))


@pytest.mark.parametrize("read", [textures.read, textures.size_of])
@pytest.mark.parametrize("content", [b"<html>", b"", b"DDS " + bytes(200)])
def test_a_file_that_is_no_picture_is_named(tmp_path, read, content):
    (tmp_path / "page.png").write_bytes(content)
    with pytest.raises(UnreadableTextureError, match=r"page\.png: "):
        read(tmp_path / "page.png")
