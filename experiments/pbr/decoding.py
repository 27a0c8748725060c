"""From the files of one material to its maps: packed channels, conventions, what can be derived."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from launch.experiments.pbr import textures
from launch.experiments.pbr.layers import TARGETS, Maps
from launch.experiments.pbr.shading import occlusion_of, relight
from launch.experiments.pbr.textures import Texture, UnreadableTextureError

Convention = Literal["auto", "opengl", "directx"]
SMALLEST = 32
PACKED = {  # kind of file -> map -> channel
    "orm": {"ao": 0, "roughness": 1, "metallic": 2},
    "rmaos": {"roughness": 0, "metallic": 1, "ao": 2},
    "metallic_roughness": {"roughness": 1, "metallic": 2},  # glTF
    "metallic_smoothness": {"metallic": 0, "gloss": 3},  # Unity
    "mask_map": {"metallic": 0, "ao": 1, "gloss": 3},  # Unity's high definition pipeline
}


@dataclass
class Loaded:
    """Maps of one material, and what is true about them."""

    maps: Maps
    truth: tuple[str, ...] = TARGETS
    derived: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)


def read_material(
    files: Mapping[str, Path], normals: Convention, diffuse_is_albedo: bool
) -> Loaded:
    """The maps of a material with truth; AO and diffuse are derived where they are missing.

    Raises:
        UnreadableTextureError: if a file is damaged, or has another shape than the others.
        ValueError: if there is neither a diffuse nor an albedo.
    """
    stored = {kind: textures.stored(path) for kind, path in files.items()}
    loaded = complete(unite(stored, files, normals), diffuse_is_albedo, str(files))
    loaded.assumed = assumed(stored)
    return loaded


def complete(maps: Maps, diffuse_is_albedo: bool, key: str) -> Loaded:
    """Decoded maps with what can be derived from them.

    Args:
        key: decides under which light a diffuse is made; the same key, the same light.

    Raises:
        ValueError: if there is neither a diffuse nor an albedo.
    """
    derived: dict[str, str] = {}
    if diffuse_is_albedo and "albedo" not in maps and "diffuse" in maps:
        maps["albedo"] = maps.pop("diffuse")
    if not {"albedo", "diffuse"} & maps.keys():
        raise ValueError("has neither a diffuse nor an albedo")
    truth = [name for name in TARGETS if name in maps]
    if "ao" not in maps and "height" in maps:
        maps["ao"], derived["ao"] = occlusion_of(maps["height"]), "height"
        truth.append("ao")
    shape = maps["albedo" if "albedo" in maps else "diffuse"].shape
    maps.setdefault("normal", np.broadcast_to(np.array([0, 0, 1], np.float32), shape))
    identical = "diffuse" in maps and "albedo" in maps and _alike(maps["diffuse"], maps["albedo"])
    loaded = Loaded(maps, tuple(truth), derived)
    return relit(loaded, key) if "diffuse" not in maps or identical else loaded


def relit(loaded: Loaded, key: str) -> Loaded:
    """A material with a diffuse made from its albedo and normal; as it is without an albedo."""
    if "albedo" in loaded.maps:
        random = np.random.default_rng(int(hashlib.sha256(key.encode()).hexdigest()[:8], 16))
        loaded.maps["diffuse"], loaded.derived["diffuse"] = relight(random, loaded.maps), "albedo"
    return loaded


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    return float(np.abs(first - second).mean()) < 1 / 255


def invert_height(read: Callable[[], Loaded]) -> Loaded:
    """For sets that store depth instead of height."""
    loaded = read()
    if "height" in loaded.maps:
        loaded.maps["height"] = 1 - loaded.maps["height"]
        if "ao" in loaded.derived:
            loaded.maps["ao"] = occlusion_of(loaded.maps["height"])
    return loaded


def read_game(files: Mapping[str, Path], truth: Mapping[str, Path], normals: Convention) -> Loaded:
    """A diffuse with its normal (flat if there is none), and the truth of a mod if there is.

    Raises:
        UnreadableTextureError: if a file is damaged, or has another aspect than the diffuse.
    """
    own, true = ({kind: textures.stored(p) for kind, p in g.items()} for g in (files, truth))
    maps = unite(own, files, normals)
    if min(maps["diffuse"].shape[:2]) < SMALLEST:
        raise ValueError(f"is smaller than {SMALLEST} pixels")
    known = unite(true, truth, normals, maps["diffuse"].shape[:2]) if truth else {}
    maps |= {name: known[name] for name in (*TARGETS, "normal") if name in known}
    flat = np.broadcast_to(np.array([0, 0, 1], np.float32), maps["diffuse"].shape)
    maps.setdefault("normal", flat)
    phrases = [*assumed(own), *(f"true {phrase}" for phrase in assumed(true))]
    return Loaded(maps, tuple(name for name in TARGETS if name in known), assumed=phrases)


def assumed(stored: Mapping[str, Texture]) -> list[str]:
    """What is not in files or left out of them; heights are kept in 16 bits, the others in 8."""
    return [
        f"{kind}: {phrase}"
        for kind, texture in stored.items()
        for phrase in (texture.assumed if kind == "height" else texture.shortened)
    ]


def unite(
    stored: Mapping[str, Texture],
    files: Mapping[str, Path],
    normals: Convention,
    shape: tuple[int, int] | None = None,
) -> Maps:
    """Split packed files, and bring all to one shape and convention."""
    raw = split_packed({kind: texture.pixels for kind, texture in stored.items()})
    shape = shape or max((image.shape[:2] for image in raw.values()), key=lambda s: s[0] * s[1])
    maps: Maps = {}
    for name, image in raw.items():
        fitted = fit(files.get(name), textures.floats(image), shape)
        if name in ("albedo", "diffuse"):
            maps[name] = textures.colour(fitted)
        else:
            maps[name] = fitted if name.startswith("normal") else textures.grey(fitted)
    return unify_normals(maps, normals)


def split_packed(images: Mapping[str, np.ndarray]) -> Maps:
    """Single maps out of packed files; a map that is there by itself wins."""
    maps = dict(images)
    for kind, places in PACKED.items():
        if kind in maps:
            packed = maps.pop(kind)
            for name, place in places.items():
                if place < packed.shape[-1]:
                    maps.setdefault(name, packed[..., place : place + 1])
    gloss = maps.pop("gloss", None)
    if gloss is not None:
        maps.setdefault("roughness", 1 - textures.floats(gloss))
    for unused in ("emission", "opacity", "specular"):
        maps.pop(unused, None)
    return maps


def fit(path: Path | None, image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An image at another resolution.

    Raises:
        UnreadableTextureError: if the aspect differs, so that pixels would not correspond.
    """
    height, width = image.shape[:2]
    if (height, width) == shape:
        return image
    if abs(height * shape[1] - width * shape[0]) > max(shape) * 2:
        size = f"{width}x{height} does not fit maps of {shape[1]}x{shape[0]}"
        raise UnreadableTextureError(path or Path("packed"), size)
    kind = cv2.INTER_AREA if height > shape[0] else cv2.INTER_LINEAR
    return np.atleast_3d(cv2.resize(image, shape[::-1], interpolation=kind)).reshape(*shape, -1)


def unify_normals(maps: Maps, normals: Convention) -> Maps:
    """One `normal`, y up. Unsaid conventions are read off the height map, or taken as OpenGL."""
    given: dict[str, bool | None] = {"normal_gl": False, "normal_dx": True, "normal": None}
    kinds = [kind for kind in given if kind in maps]
    image = maps[kinds[0]] if kinds else None
    directx = given[kinds[0]] if kinds else False
    for kind in kinds:
        del maps[kind]
    if image is None:
        return maps
    if directx is None:
        directx = {"opengl": False, "directx": True}.get(normals)
    maps["normal"] = textures.vectors(image, directx=False)
    if directx is None:
        directx = points_down(maps["normal"], maps.get("height"))
    if directx:
        maps["normal"] = maps["normal"] * np.array([1, -1, 1], np.float32)
    return maps


def points_down(normal: np.ndarray, height: np.ndarray | None) -> bool:
    """Whether green rises where the height rises upwards, which is DirectX's convention."""
    if height is None:
        return False
    rise = np.roll(height, 1, 0) - np.roll(height, -1, 0)
    return float((rise * normal[..., 1]).mean()) > 0
