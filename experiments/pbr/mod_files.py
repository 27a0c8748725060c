"""What a game loads: textures below `textures/pbr/` and the entries that PGPatcher reads.

wall.dds        base colour in sRGB, opacity in alpha
wall_n.dds      normals, DirectX
wall_rmaos.dds  roughness, metallic, occlusion, specular level
wall_p.dds      height

True PBR of Community Shaders. Meshes are changed by PGPatcher, which matches `texture`, the path
below `textures/` without its suffix.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, Literal

import numpy as np

from launch.experiments.pbr import dds, mipmaps
from launch.experiments.pbr.layers import SCALARS
from launch.experiments.pbr.tiles import FULL
from launch.record import storage
from launch.tools.pictures import write_png

Written = Literal["dds", "png", "both"]
ColourFormat = Literal["bc7", "bc1"]
STEP = FULL // 255  # levels of 16 bits in one of 8
SPECULAR_LEVEL = 0.04  # of what is no metal


@dataclass
class Result:
    """The maps of one texture.

    Attributes:
        maps: (7, H, W) in 16 bits: albedo and `SCALARS`.
        normal: (H, W, 3) bytes, y up.
        alpha: (H, W) bytes; None where the input has none.
    """

    maps: np.ndarray
    normal: np.ndarray
    alpha: np.ndarray | None

    def plane(self, name: str) -> np.ndarray:
        return self.maps[3 + SCALARS.index(name)]


def outputs(name: str, write: Written) -> list[str]:
    """Paths below the destination of what a texture becomes."""
    game = [f"textures/pbr/{name}{suffix}.dds" for suffix in ("", "_n", "_rmaos", "_p")]
    maps = [f"maps/{name}_{kind}.png" for kind in ("albedo", "normal", *SCALARS, "rmaos")]
    return {"dds": game, "png": maps, "both": [*game, *maps]}[write]


def save(
    result: Result,
    name: str,
    destination: Path,
    write: Written,
    colours: ColourFormat,
    lossless_below: float,
) -> list[str]:
    """Write the files of `outputs`, each complete or not at all; returns what should be known.

    What a conversion that was killed left of them is removed.
    """
    notes = []
    for path in map(destination.joinpath, outputs(name, write)):
        for left in path.parent.glob(f"{escape(path.name)}.*{storage.PARTIAL}"):
            left.unlink()
    if write != "png":
        notes = _save_game(result, destination / "textures/pbr" / name, colours, lossless_below)
    if write != "dds":
        _save_maps(result, destination / "maps" / name)
    return notes


def _save_game(result: Result, path: Path, colours: ColourFormat, least: float) -> list[str]:
    """One file after the other: their pictures are made when they are written."""
    encoding: dds.Encoding = colours if result.alpha is None else "bc7"
    notes = [
        _texture(path, "", _colour(result), "colour", encoding, least),
        _texture(path, "_n", _normal(result), "normal", "bc7", least),
        _texture(path, "_rmaos", _rmaos(result), "number", "bc7", least),
    ]
    height = np.dstack([eight_bits(result.plane("height"))] * 4)
    _texture(path, "_p", height, "number", "bc4", least)
    return [note for note in notes if note]


def _colour(result: Result) -> np.ndarray:
    alpha = full(result) if result.alpha is None else result.alpha
    return np.dstack([*map(eight_bits, result.maps[:3]), alpha])


def _normal(result: Result) -> np.ndarray:
    return np.dstack([directx(result.normal), full(result)])


def _rmaos(result: Result) -> np.ndarray:
    """Roughness, metallic and occlusion as bytes, and the specular level in full."""
    packed = (eight_bits(result.plane(name)) for name in ("roughness", "metallic", "ao"))
    return np.dstack([*packed, full(result)])


def _texture(
    path: Path,
    suffix: str,
    image: np.ndarray,
    meaning: mipmaps.Meaning,
    encoding: dds.Encoding,
    least: float,
) -> str | None:
    """Write one file; says so if it stays uncompressed for what blocks would lose.

    Blocks need sides that are multiples of 4; other textures are uncompressed without a word.
    """
    target, note = path.with_name(f"{path.name}{suffix}.dds"), None
    levels, srgb = mipmaps.chain(image, meaning), meaning == "colour"
    if image.shape[0] % 4 or image.shape[1] % 4:
        encoding = "r8" if encoding == "bc4" else "rgba8"
    parts = dds.encode(levels, encoding, srgb)
    if encoding == "bc7" and least:
        parts = list(parts)
        if (quality := dds.kept(image, parts)) < least:
            parts = dds.encode(levels, "rgba8", srgb)
            note = f"{target.name} is uncompressed: blocks would keep {quality:.1f} dB"
    with storage.replacing(target) as file:
        file.writelines(parts)
    return note


def _save_maps(result: Result, path: Path) -> None:
    """PNG: 8 bits, height 16; normals OpenGL, albedo with the alpha of the input."""
    for kind, image in _images(result):
        write_png(path.with_name(f"{path.name}_{kind}.png"), image)


def _images(result: Result) -> Iterator[tuple[str, np.ndarray]]:
    """Every map by its name, made when it is asked for."""
    yield "albedo", _colour(result)[..., : 3 + (result.alpha is not None)]
    yield "normal", result.normal
    for name in SCALARS:
        plane = result.plane(name)
        yield name, plane if name == "height" else eight_bits(plane)
    yield "rmaos", _rmaos(result)


def eight_bits(plane: np.ndarray) -> np.ndarray:
    """The nearest of 8 bits, without a temporary of more than 16."""
    nearest = np.minimum(plane, FULL - STEP // 2)
    nearest += STEP // 2
    nearest //= STEP
    return nearest.astype(np.uint8)


def full(result: Result) -> np.ndarray:
    return np.full(result.maps.shape[1:], 255, np.uint8)


def directx(normal: np.ndarray) -> np.ndarray:
    flipped = normal.copy()
    flipped[..., 1] = 255 - flipped[..., 1]
    return flipped


def patcher_entries(textures: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Entries of PGPatcher for records with `name` and `height_scale`."""
    return [
        {
            "texture": str(record["name"]).replace("/", "\\"),
            "emissive": False,
            "parallax": True,
            "subsurface": False,
            "subsurface_foliage": False,
            "specular_level": SPECULAR_LEVEL,
            "roughness_scale": 1.0,
            "displacement_scale": record["height_scale"],
        }
        for record in textures
    ]


def write_patcher(path: Path, textures: Iterable[Mapping[str, Any]]) -> None:
    storage.write_json(path, patcher_entries(textures))
