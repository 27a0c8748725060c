"""What is done to a patch before a network sees it: geometry, colour, dirt, light.

Geometry moves all maps, and turns the vectors of the normal map with them. Colour and dirt are part
of the material, so they change diffuse and albedo alike. Light (the highlight on metal, the
photometric set) changes the diffuse only, because it is what the networks should remove.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from experiments.pbr.layers import COLOURS, GAME, UNKNOWN, Maps, unit

Generator = np.random.Generator
Share = Annotated[float, Field(ge=0, le=1)]
Overlay = Literal["grain", "dirt", "highlight", "warp"]

CONFIDENT = 0.8  # mean confidence from which a pseudo-label is believed
OVERLAY_PROBABILITY = 0.3
DIRT = np.array([0.16, 0.12, 0.08], np.float32)


@dataclass(frozen=True)
class Recipe:
    """What a category bears: ranges are relative, +-; hue is a share of the colour circle."""

    brightness: float = 0.0
    hue: float = 0.0
    saturation: float = 0.0
    gamma: float = 0.0
    overlay: Overlay | None = None


TABLE = {
    "wood": Recipe(brightness=0.10, hue=0.05, overlay="grain"),
    "stone": Recipe(brightness=0.08, overlay="dirt"),
    "metal": Recipe(overlay="highlight"),
    "fabric": Recipe(hue=0.12, saturation=0.12, overlay="warp"),
    "fur": Recipe(hue=0.12, saturation=0.12, overlay="warp"),
    "leather": Recipe(brightness=0.12, hue=0.08),
    "ground": Recipe(brightness=0.10, hue=0.05, gamma=0.10, overlay="dirt"),
    "ceramic": Recipe(brightness=0.10, hue=0.05, overlay="dirt"),
}


@dataclass(frozen=True)
class Augmentation:
    """The augmentation of a phase; everything is off unless said.

    Attributes:
        geometry: flips and quarter turns.
        jitter: saturation of clean textures, +-; hue is for the category to bear.
        selective: the table of categories.
        two_crops, four_crops: share of clean samples that are mosaics of 2 or 4 crops.
        photometric: share of game textures that get a baked look; `photometric_strength` scales it.
    """

    geometry: bool = False
    jitter: Share = 0.0
    selective: bool = False
    two_crops: Share = 0.0
    four_crops: Share = 0.0
    photometric: Share = 0.0
    photometric_strength: Share = 1.0

    def __post_init__(self) -> None:
        if self.two_crops + self.four_crops > 1:
            raise ValueError(
                f"two_crops {self.two_crops} and four_crops {self.four_crops} are shares of the "
                "same samples and must not exceed 1 together"
            )

    def patches(self, u: float) -> int:
        """How many crops a clean sample is made of, from one uniform draw."""
        if u < self.four_crops:
            return 4
        return 2 if u < self.four_crops + self.two_crops else 1

    def colour(self, random: Generator, maps: Maps, domain: str, category: str | None) -> Maps:
        """Everything but geometry, on a patch of one material."""
        if self.jitter and domain != GAME:
            maps = recolour(maps, saturation=random.uniform(-self.jitter, self.jitter))
        if self.selective and category is not None:
            maps = by_category(random, maps, TABLE.get(category, Recipe()))
        if domain == GAME and random.random() < self.photometric:
            diffuse = photometric(random, maps["diffuse"], self.photometric_strength)
            maps = maps | {"diffuse": diffuse}
        return maps


# Geometry


def turn(packed: np.ndarray, quarter: int, mirror_x: bool, mirror_y: bool) -> np.ndarray:
    """Rotate by quarter turns to the left, then mirror; a view."""
    packed = np.rot90(packed, quarter)
    return packed[:: -1 if mirror_y else 1, :: -1 if mirror_x else 1]


def turn_vectors(normal: np.ndarray, quarter: int, mirror_x: bool, mirror_y: bool) -> np.ndarray:
    """Turn the vectors of a normal map (y up) whose pixels `turn` has moved."""
    x, y, z = np.moveaxis(normal, -1, 0)
    for _ in range(quarter % 4):
        x, y = -y, x
    return np.stack([-x if mirror_x else x, -y if mirror_y else y, z], axis=-1)


def resize(maps: Maps, height: int, width: int) -> Maps:
    """To another size: labels by the nearest pixel, normals to length 1 again."""
    if maps["diffuse"].shape[:2] == (height, width):
        return maps
    shrinks = height * width < maps["diffuse"].shape[0] * maps["diffuse"].shape[1]
    smooth = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    result: Maps = {}
    for name, values in maps.items():
        label = values.dtype == np.uint8
        kind = cv2.INTER_NEAREST if label else smooth
        groups = [values] if label else np.split(values, range(4, values.shape[-1], 4), axis=-1)
        resized = [
            cv2.resize(np.ascontiguousarray(g), (width, height), interpolation=kind) for g in groups
        ]  # four channels at a time is what OpenCV takes
        result[name] = resized[0] if label else np.dstack(resized)
    result["normal"] = unit(result["normal"])
    return result


def warp(random: Generator, maps: Maps, strength: float = 0.02) -> Maps:
    """An elastic grid: smooth displacement of up to about `strength` of the side."""
    height, width = maps["diffuse"].shape[:2]
    coarse = random.uniform(-1, 1, (5, 5, 2)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x + field[..., 0] * strength * width, y + field[..., 1] * strength * height
    result: Maps = {}
    for name, values in maps.items():
        label = values.dtype == np.uint8
        kind = cv2.INTER_NEAREST if label else cv2.INTER_LINEAR
        planes = np.atleast_3d(values)
        moved = [
            cv2.remap(np.ascontiguousarray(p), x, y, kind, borderMode=cv2.BORDER_REFLECT_101)
            for p in np.moveaxis(planes, -1, 0)
        ]
        result[name] = moved[0] if label else np.stack(moved, axis=-1)
    result["normal"] = unit(result["normal"])
    return result


# Colour


def recolour(
    maps: Maps,
    brightness: float = 0.0,
    hue: float = 0.0,
    saturation: float = 0.0,
    gamma: float = 0.0,
) -> Maps:
    """The same change of diffuse and albedo; all arguments are 0 for none."""
    return maps | {
        name: _recolour(maps[name], brightness, hue, saturation, gamma) for name in COLOURS
    }


def _recolour(
    image: np.ndarray, brightness: float, hue: float, saturation: float, gamma: float
) -> np.ndarray:
    if hue or saturation:
        hsv = cv2.cvtColor(np.ascontiguousarray(image, np.float32), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + 360 * hue) % 360
        hsv[..., 1] = np.clip(hsv[..., 1] * (1 + saturation), 0, 1)
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return np.clip(image * np.float32(1 + brightness), 0, 1) ** np.float32(1 + gamma)


def by_category(random: Generator, maps: Maps, recipe: Recipe) -> Maps:
    """What the category bears, and its overlay in three of ten cases."""
    draws = random.uniform(-1, 1, 4)
    ranges = (recipe.brightness, recipe.hue, recipe.saturation, recipe.gamma)
    if any(ranges):
        maps = recolour(maps, *(float(u * r) for u, r in zip(draws, ranges, strict=True)))
    if recipe.overlay is None or random.random() >= OVERLAY_PROBABILITY:
        return maps
    if recipe.overlay == "highlight":
        return maps | {"diffuse": highlight(random, maps["diffuse"])}
    if recipe.overlay == "warp":
        return warp(random, maps)
    shape = maps["diffuse"].shape[:2]
    share = dirt(random, shape) if recipe.overlay == "dirt" else grain(random, shape)
    target = DIRT if recipe.overlay == "dirt" else np.float32(0)
    return maps | {name: maps[name] * (1 - share) + target * share for name in COLOURS}


def clouds(random: Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Smooth noise in [0, 1], (H, W, 1)."""
    coarse = random.random((cells + 1, cells + 1)).astype(np.float32)
    noise = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(noise, 0, 1)[..., None]


def dirt(random: Generator, shape: tuple[int, int]) -> np.ndarray:
    """Coverage by dirt: patches of two sizes, about 5 % on average."""
    noise = 0.6 * clouds(random, shape, 4) + 0.4 * clouds(random, shape, 12)
    return np.clip(noise - 0.55, 0, 1)


def grain(random: Generator, shape: tuple[int, int]) -> np.ndarray:
    """Fine streaks that darken by up to 8 %."""
    streaks = random.random((1, shape[1])).astype(np.float32).repeat(shape[0], 0)
    return np.float32(0.08) * streaks[..., None] * clouds(random, shape, 6)


def highlight(random: Generator, diffuse: np.ndarray) -> np.ndarray:
    """A soft white spot of opacity 0.15."""
    height, width = diffuse.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre_y, centre_x = random.random() * height, random.random() * width
    radius = random.uniform(0.1, 0.35) * max(height, width)
    spot = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * radius**2))
    share = np.float32(0.15) * spot[..., None]
    return (diffuse * (1 - share) + share).astype(np.float32)


# Light


def photometric(random: Generator, diffuse: np.ndarray, strength: float) -> np.ndarray:
    """The look of an old game: dark crevices, a cold tint and a vignette, each every second time.

    Args:
        strength: 1 for the full effect, 0 for none.
    """
    crevices, cold, vignette = random.random(3) < 0.5
    draws = random.random(5).astype(np.float32)
    image = diffuse
    if crevices:
        image = image * (1 - strength * (0.10 + 0.15 * draws[0]) * (1 - _blurred_luma(image)))
    if cold:
        tint = np.array([-0.02 - 0.08 * draws[1], 0, 0.02 + 0.08 * draws[2]], np.float32)
        image = image * (1 + strength * tint)
    if vignette:
        image = image * (1 - strength * (0.05 + 0.10 * draws[3]) * _rim(image))
    return np.clip(image, 0, 1).astype(np.float32)


def _blurred_luma(image: np.ndarray) -> np.ndarray:
    """Box blur of 23 pixels in 1024, (H, W, 1)."""
    side = max(3, round(23 * image.shape[0] / 1024)) | 1
    luma = np.ascontiguousarray(image @ np.array([0.299, 0.587, 0.114], np.float32))
    return cv2.blur(luma, (side, side))[..., None]


def _rim(image: np.ndarray) -> np.ndarray:
    """0 within half the distance to the corner, 1 at the corner, (H, W, 1)."""
    height, width = image.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    radius = np.sqrt((x**2 + y**2) / 2)
    return np.clip((radius - 0.5) / 0.5, 0, 1)[..., None]


def believed(maps: Maps) -> int | None:
    """The class of a game texture's patch if the teacher is sure of it on average."""
    if maps["confidence"].mean() <= CONFIDENT:
        return None
    counts = np.bincount(maps["pseudo"].ravel(), minlength=UNKNOWN + 1)[:UNKNOWN]
    return int(counts.argmax()) if counts.any() else None
