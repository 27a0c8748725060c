"""What a material consists of, and how its maps are packed into one array of bytes.

Conventions: images have rows from top to bottom; colours are sRGB, the other maps linear, in
[0, 1]. Normals are unit vectors (x right, y up, z to the viewer), the OpenGL convention.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

Maps = dict[str, np.ndarray]

COLOURS = ("diffuse", "albedo")
SCALARS = ("roughness", "metallic", "ao", "height")
TARGETS = ("albedo", *SCALARS)
LABELS = ("classes", "pseudo", "confidence")
UNKNOWN = 255
FLAT_NORMAL = (0.0, 0.0, 1.0)
CLEAN, GAME = "clean", "game"
DOMAINS = (CLEAN, GAME)

PLACES = {
    "diffuse": slice(0, 3),
    "albedo": slice(3, 6),
    "normal": slice(6, 9),
    "roughness": slice(9, 10),
    "metallic": slice(10, 11),
    "ao": slice(11, 12),
    "height": slice(12, 14),  # 16 bits, the high byte first
    "classes": slice(14, 15),
    "pseudo": slice(15, 16),
    "confidence": slice(16, 17),
}
DEPTH = 17


@dataclass
class Material:
    """A texture of the data set.

    Attributes:
        category: index of its class, None if nobody has said.
        packed: (H, W, 17) uint8, see `PLACES`; may be mapped from a file.
        truth: which of `TARGETS` it has.
        derived: maps that were computed from others, with the source: `{"ao": "height"}`.
        guess: (H, W, 2) uint8, class and confidence by a teacher; None without one.
    """

    name: str
    domain: str
    category: int | None
    packed: np.ndarray
    truth: tuple[str, ...] = TARGETS
    derived: dict[str, str] = field(default_factory=dict)
    guess: np.ndarray | None = None

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """A part of the packed maps, with the teacher's guess, and the class of the material.

        The class is written where the source has not said one for every pixel.
        """
        inside = (slice(top, top + height), slice(left, left + width))
        part = self.packed[inside]
        unsaid = self.category is not None and part[0, 0, PLACES["classes"]] == UNKNOWN
        if self.guess is None and not unsaid:
            return part
        part = np.array(part)
        if self.guess is not None:
            part[..., PLACES["pseudo"].start :] = self.guess[inside]
        if unsaid:
            part[..., PLACES["classes"]] = self.category
        return part


def pack(maps: Mapping[str, np.ndarray]) -> np.ndarray:
    """Maps in [0, 1] (normals in [-1, 1]) as (H, W, 17) bytes; what is missing is neutral.

    `classes` and `pseudo` are indices already, 255 where unknown.
    """
    height, width = maps["diffuse"].shape[:2]
    packed = np.zeros((height, width, DEPTH), np.uint8)
    packed[..., PLACES["normal"]] = quantise((np.array(FLAT_NORMAL) + 1) / 2)
    packed[..., PLACES["classes"]] = packed[..., PLACES["pseudo"]] = UNKNOWN
    for name, values in maps.items():
        planes = values.reshape(height, width, -1)
        packed[..., PLACES[name]] = _encode(name, planes)
    return packed


def _encode(name: str, values: np.ndarray) -> np.ndarray:
    if name in ("classes", "pseudo"):
        return values.astype(np.uint8)
    if name == "normal":
        return quantise((values + 1) / 2)
    if name == "height":
        levels = np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16)
        return np.concatenate([levels >> 8, levels & 255], axis=-1).astype(np.uint8)
    return quantise(values)


def quantise(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def unpack(packed: np.ndarray) -> Maps:
    """The maps of a packed array: floats (H, W, C), and labels (H, W) uint8."""
    maps: Maps = {}
    for name, place in PLACES.items():
        planes = packed[..., place]
        if name in ("classes", "pseudo"):
            maps[name] = planes[..., 0]
        elif name == "normal":
            maps[name] = unit(planes.astype(np.float32) / 127.5 - 1)
        elif name == "height":
            maps[name] = (planes[..., :1] * np.float32(256) + planes[..., 1:]) / np.float32(65535)
        else:
            maps[name] = planes.astype(np.float32) / 255
    return maps


def unit(normals: np.ndarray) -> np.ndarray:
    """Vectors of length 1; resizing and quantisation shorten them."""
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return normals / np.maximum(length, 1e-6)


def dominant(labels: np.ndarray) -> int | None:
    """The class of most pixels, None if all are unknown."""
    known = labels[labels != UNKNOWN]
    return int(np.bincount(known).argmax()) if known.size else None
