"""What a material consists of, and how its maps are packed into planes of bytes.

Conventions: images have rows from top to bottom; colours are sRGB, the other maps linear, in
[0, 1]. Normals are unit vectors (x right, y up, z to the viewer), the OpenGL convention.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

Maps = dict[str, np.ndarray]

COLOURS = ("diffuse", "albedo")
SCALARS = ("roughness", "metallic", "ao", "height")
TARGETS = ("albedo", *SCALARS)
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
NEAREST = (14, 15)  # planes that hold classes
WIDE = (12, 13)  # planes that hold one number of 16 bits


@dataclass
class Material:
    """A texture of the data set.

    Attributes:
        category: index of its class, None if nobody has said.
        packed: (17, H, W) uint8, see `PLACES`; may be mapped from a file.
        truth: which of `TARGETS` it has.
        derived: maps that were computed from others, with the source: `{"ao": "height"}`.
        guess: (2, H, W) uint8, class and confidence by a teacher; None without one.
    """

    name: str
    domain: str
    category: int | None
    packed: np.ndarray
    truth: tuple[str, ...] = TARGETS
    derived: dict[str, str] = field(default_factory=dict)
    guess: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.packed.shape[1], self.packed.shape[2]

    def window(self, top: int, left: int, height: int, width: int) -> list[np.ndarray]:
        """The 17 planes of a part, with the teacher's guess, and the class of the material.

        The class is written where the source has not said one for every pixel. Nothing is copied.
        """
        inside = (slice(top, top + height), slice(left, left + width))
        planes = list(np.asarray(self.packed)[:, *inside])
        classes, pseudo, confidence = (PLACES[n].start for n in ("classes", "pseudo", "confidence"))
        if self.category is not None and planes[classes][0, 0] == UNKNOWN:
            planes[classes] = constant(self.category, height, width)
        if self.guess is None:
            planes[pseudo] = constant(UNKNOWN, height, width)
            planes[confidence] = constant(0, height, width)
        else:
            planes[pseudo:] = [plane[inside] for plane in self.guess]
        return planes


def constant(level: int, height: int, width: int) -> np.ndarray:
    """A plane of one level that takes one byte."""
    return np.broadcast_to(np.uint8(level), (height, width))


def is_constant(plane: np.ndarray) -> bool:
    return plane.strides == (0, 0)


def pack(maps: Mapping[str, np.ndarray]) -> np.ndarray:
    """Maps in [0, 1] (normals in [-1, 1]) as (17, H, W) bytes; what is missing is neutral.

    `classes` and `pseudo` are indices already, 255 where unknown.
    """
    height, width = maps["diffuse"].shape[:2]
    packed = np.zeros((DEPTH, height, width), np.uint8)
    packed[PLACES["normal"]] = FLAT_LEVELS[:, None, None]
    packed[PLACES["classes"]] = packed[PLACES["pseudo"]] = UNKNOWN
    for name, values in maps.items():
        planes = values.reshape(height, width, -1).transpose(2, 0, 1)
        packed[PLACES[name]] = _encode(name, planes)
    return packed


def _encode(name: str, values: np.ndarray) -> np.ndarray:
    if name in ("classes", "pseudo"):
        return values.astype(np.uint8)
    if name == "normal":
        return quantise((values + 1) / 2)
    if name == "height":
        levels = np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16)
        return np.concatenate([levels >> 8, levels & 255]).astype(np.uint8)
    return quantise(values)


def quantise(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


FLAT_LEVELS = quantise((np.array(FLAT_NORMAL) + 1) / 2)


def unpack(packed: np.ndarray, names: Iterable[str] = tuple(PLACES)) -> Maps:
    """Maps of packed planes: floats (H, W, C), and labels (H, W) uint8."""
    maps: Maps = {}
    for name in names:
        planes = np.moveaxis(packed[PLACES[name]], 0, -1)
        if name in ("classes", "pseudo"):
            maps[name] = planes[..., 0]
        elif name == "normal":
            maps[name] = unit(planes.astype(np.float32) / 127.5 - 1)
        elif name == "height":
            maps[name] = (planes[..., :1] * np.float32(256) + planes[..., 1:]) / np.float32(65535)
        else:
            maps[name] = planes.astype(np.float32) / 255
    return maps


def resize(maps: Maps, height: int, width: int) -> Maps:
    """To another size: labels by the nearest pixel, normals to length 1 again."""
    old = maps["diffuse"].shape
    if old[:2] == (height, width):
        return maps
    smooth = cv2.INTER_AREA if height * width < old[0] * old[1] else cv2.INTER_LINEAR
    result: Maps = {}
    for name, values in maps.items():
        label = values.dtype == np.uint8
        resized = cv2.resize(
            np.ascontiguousarray(values),
            (width, height),
            interpolation=cv2.INTER_NEAREST if label else smooth,
        )
        result[name] = resized if label else resized.reshape(height, width, -1)
    result["normal"] = unit(result["normal"])
    return result


def unit(normals: np.ndarray) -> np.ndarray:
    """Vectors of length 1; resizing and quantisation shorten them."""
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return normals / np.maximum(length, 1e-6)


def dominant(labels: np.ndarray) -> int | None:
    """The class of most pixels, None if all are unknown."""
    counts = np.bincount(labels.ravel(), minlength=UNKNOWN + 1)[:UNKNOWN]
    return int(counts.argmax()) if counts.any() else None
