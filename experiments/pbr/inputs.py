"""One texture of a conversion: its files read as bytes, and what its rule changes in its maps."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from launch.experiments.pbr import textures
from launch.experiments.pbr.game_files import Diffuse
from launch.experiments.pbr.rules import Rule
from launch.experiments.pbr.textures import BAND, UnreadableTextureError
from launch.experiments.pbr.tiles import FULL, resized

FLAT = (128, 128, 255)


@dataclass
class Planned:
    """A texture that will be converted."""

    texture: Diffuse
    file: str
    size: tuple[int, int]
    rule: Rule


@dataclass
class Read:
    """Diffuse and normal (H, W, 6) bytes, alpha and specular (H, W) bytes; what was assumed."""

    image: np.ndarray
    alpha: np.ndarray | None
    specular: np.ndarray | None
    assumed: list[str] = field(default_factory=list)


def read_texture(one: Planned) -> Read:
    """
    Raises:
        UnreadableTextureError: if the diffuse is damaged.
        ValueError: if it is no colour.
    """
    file = textures.stored(one.texture.path)
    diffuse = file.as_bytes
    clear = diffuse.shape[-1] == 4 and diffuse[..., 3].min() < 255
    alpha = np.ascontiguousarray(diffuse[..., 3]) if clear else None
    image = np.empty((*diffuse.shape[:2], 6), np.uint8)
    image[..., :3], image[..., 3:] = textures.colour(diffuse), FLAT
    read = Read(image, alpha, None, [*file.shortened])
    if one.texture.normal is None:
        read.assumed.append("flat normals: there is no _n")
        return read
    try:
        add_normal(read, one.texture.normal, one.rule)
    except (UnreadableTextureError, ValueError) as error:
        read.assumed.append(f"flat normals: {error}")
    return read


def add_normal(read: Read, path: Path, rule: Rule) -> None:
    """
    Raises:
        UnreadableTextureError: if the file is damaged.
        ValueError: if its pixels do not correspond to those of the diffuse.
    """
    file = textures.stored(path)
    stored = file.as_bytes
    (height, width), (h, w) = read.image.shape[:2], stored.shape[:2]
    if abs(height * w - width * h) > 2 * max(h, w):
        raise ValueError(f"{path.name} is {w}x{h}, the texture {width}x{height}")
    normal = textures.normal_bytes(stored, directx=rule.normals == "directx")
    read.image[..., 3:] = resized(normal, (height, width))
    read.assumed += [f"{path.name}: {phrase}" for phrase in file.shortened]
    if stored.shape[-1] == 4 and textures.axes(stored)[0] != 3 and np.ptp(stored[..., 3]) > 0:
        read.specular = resized(stored[..., 3:], (height, width))[..., 0]


def adjust(maps: np.ndarray, rule: Rule, read: Read) -> None:
    """What the rule says about roughness and metallic, in place."""
    roughness, metallic = maps[3], maps[4]
    if rule.metallic is not None:
        metallic[...] = round(rule.metallic * FULL)
    hint = rule.specular_hint if read.specular is not None else 0
    if not hint and rule.roughness_scale == 1 and rule.roughness_offset == 0:
        return
    usual = read.specular.mean() / 255 if read.specular is not None else 0
    for top in range(0, len(roughness), BAND):
        part = slice(top, top + BAND)
        values = roughness[part].astype(np.float32) / FULL
        if hint:
            specular = read.specular[part].astype(np.float32) / 255  # type: ignore[index]
            values -= hint * (specular - usual)
        values = values * rule.roughness_scale + rule.roughness_offset
        roughness[part] = np.rint(np.clip(values, 0, 1) * FULL)
