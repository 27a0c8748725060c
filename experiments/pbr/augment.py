"""What is done to the colours of a patch before a network sees it: tint, dirt, light.

Colour and dirt are part of the material, so they change diffuse and albedo alike. Light (the
highlight on metal, the photometric set) changes the diffuse only, because it is what the networks
should remove.

All of it works on planes of bytes, see `layers`: 17 of (H, W) for a patch, 3 for an image.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field, PositiveFloat

from launch.experiments.pbr.geometry import Generator, Planes, warp
from launch.experiments.pbr.layers import COLOURS, GAME, PLACES, dominant

Share = Annotated[float, Field(ge=0, le=1)]
Overlay = Literal["grain", "dirt", "highlight", "warp"]

CONFIDENT = 0.8  # mean confidence from which a pseudo-label is believed
DIRT, BLACK, WHITE = (41, 31, 20), (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True)
class Recipe:
    """What a category bears: ranges are relative, +-; hue is a share of the colour circle."""

    brightness: float = 0.0
    hue: float = 0.0
    saturation: float = 0.0
    gamma: float = 0.0
    overlay: Overlay | None = None
    overlays: float = 0.3  # share of the patches that get it

    def times(self, factor: float) -> "Recipe":
        """The same with wider ranges and more overlays."""
        names = ("brightness", "hue", "saturation", "gamma", "overlays")
        return replace(self, **{name: factor * getattr(self, name) for name in names})


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
        minorities: factor on the ranges of that table, and on its overlays, for classes of
            less than half as many materials as the largest.
        flat_normals: share of patches that lose their normals, as textures have none at all.
    """

    geometry: bool = False
    jitter: Share = 0.0
    selective: bool = False
    two_crops: Share = 0.0
    four_crops: Share = 0.0
    photometric: Share = 0.0
    photometric_strength: Share = 1.0
    minorities: PositiveFloat = 1.0
    flat_normals: Share = 0.0

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

    def colour(
        self,
        random: Generator,
        planes: Planes,
        domain: str,
        category: str | None,
        rare: bool = False,
    ) -> None:
        """Everything but geometry, on a patch of one material, whose planes it replaces."""
        recipe = TABLE.get(category or "", Recipe()) if self.selective else Recipe()
        recipe = recipe.times(self.minorities) if rare else recipe
        jitter = random.uniform(-self.jitter, self.jitter) if domain != GAME else 0.0
        by_category(random, planes, recipe, jitter)
        if domain == GAME and random.random() < self.photometric:
            diffuse = PLACES["diffuse"]
            planes[diffuse] = photometric(random, planes[diffuse], self.photometric_strength)


# Colour


def recolour(
    planes: Planes,
    brightness: float = 0.0,
    hue: float = 0.0,
    saturation: float = 0.0,
    gamma: float = 0.0,
) -> None:
    """The same change of diffuse and albedo; all arguments are 0 for none."""
    matrix = colour_matrix(brightness, hue, saturation)
    for name in COLOURS:
        image = planes[PLACES[name]]
        if hue or saturation or brightness:
            mixed = cv2.transform(cv2.merge(image), matrix)
            image = [cv2.extractChannel(mixed, i) for i in range(3)]
        if gamma:
            image = [cv2.LUT(plane, curve(LEVELS ** (1 + gamma))) for plane in image]
        planes[PLACES[name]] = image


def colour_matrix(brightness: float, hue: float, saturation: float) -> np.ndarray:
    """Turns and scales chroma around the grey axis in YIQ, and scales everything, (3, 3)."""
    angle, scale = 2 * np.pi * hue, 1 + saturation
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turned = np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    return ((1 + brightness) * np.linalg.inv(YIQ) @ turned @ YIQ).astype(np.float32)


YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
LEVELS = np.arange(256) / 255


def curve(values: np.ndarray) -> np.ndarray:
    """A table for `cv2.LUT` of what becomes of each level."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def shade(image: Planes, light: np.ndarray) -> Planes:
    """Multiply by light (H, W)."""
    return [cv2.multiply(plane, light, dtype=cv2.CV_8U) for plane in image]


def blend(image: Planes, colour: Sequence[int], share: np.ndarray) -> Planes:
    """Towards a colour by a share (H, W) in [0, 1]."""
    covers = [cv2.convertScaleAbs(share, alpha=level) for level in colour]
    return [cv2.add(p, cover) for p, cover in zip(shade(image, 1 - share), covers, strict=True)]


def by_category(random: Generator, planes: Planes, recipe: Recipe, jitter: float = 0.0) -> None:
    """What the category bears, and its overlay in three of ten cases.

    Args:
        jitter: of the saturation, on top of the category's.
    """
    draws = random.uniform(-1, 1, 4)
    ranges = (recipe.brightness, recipe.hue, recipe.saturation, recipe.gamma)
    brightness, hue, saturation, gamma = (float(u * r) for u, r in zip(draws, ranges, strict=True))
    recolour(planes, brightness, hue, (1 + jitter) * (1 + saturation) - 1, gamma)
    if recipe.overlay is None or random.random() >= recipe.overlays:
        return
    if recipe.overlay == "warp":
        warp(random, planes)
        return
    cover, colour, names = OVERLAYS[recipe.overlay]
    share = cover(random, planes[0].shape)
    for name in names:
        planes[PLACES[name]] = blend(planes[PLACES[name]], colour, share)


def clouds(random: Generator, shape: tuple[int, ...], cells: int) -> np.ndarray:
    """Smooth noise in [0, 1], (H, W)."""
    coarse = random.random((cells + 1, cells + 1)).astype(np.float32)
    noise = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(noise, 0, 1)


def dirt(random: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Coverage by dirt: patches of two sizes, about 5 % on average."""
    noise = np.float32(0.6) * clouds(random, shape, 4) + np.float32(0.4) * clouds(random, shape, 12)
    return np.clip(noise - np.float32(0.55), 0, 1)


def grain(random: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Fine streaks that darken by up to 8 %."""
    streaks = random.random((1, shape[1])).astype(np.float32)
    return np.float32(0.08) * streaks * clouds(random, shape, 6)


def highlight(random: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A soft spot of opacity 0.15, (H, W)."""
    centres, radius = random.random(2), random.uniform(0.1, 0.35) * max(shape)
    rows, columns = (
        np.exp(-((np.arange(side) - side * centre) ** 2) / (2 * radius**2)).astype(np.float32)
        for side, centre in zip(shape, centres, strict=True)
    )
    return np.float32(0.15) * rows[:, None] * columns


OVERLAYS = {
    # how much of a pixel is covered, by which colour, in which maps
    "grain": (grain, BLACK, COLOURS),
    "dirt": (dirt, DIRT, COLOURS),
    "highlight": (highlight, WHITE, ("diffuse",)),
}


# Light


def photometric(random: Generator, image: Planes, strength: float) -> Planes:
    """The look of an old game: dark crevices, a cold tint and a vignette, each every second time.

    Args:
        strength: 1 for the full effect, 0 for none.
    """
    crevices, cold, vignette = random.random(3) < 0.5
    draws = random.random(5).astype(np.float32)
    light = np.ones(image[0].shape, np.float32)
    if crevices:
        light -= strength * (0.10 + 0.15 * draws[0]) * (1 - _blurred_luma(image))
    if vignette:
        light *= 1 - strength * (0.05 + 0.10 * draws[3]) * _rim(*light.shape)
    if crevices or vignette:
        image = shade(image, light)
    if cold:
        gains = (-0.02 - 0.08 * draws[1], 0, 0.02 + 0.08 * draws[2])
        tables = [curve(LEVELS * (1 + strength * gain)) for gain in gains]
        image = [cv2.LUT(plane, table) for plane, table in zip(image, tables, strict=True)]
    return image


def _blurred_luma(image: Planes) -> np.ndarray:
    """Box blur of 23 pixels in 1024, (H, W) in [0, 1]."""
    side = max(3, round(23 * len(image[0]) / 1024)) | 1
    luma = cv2.cvtColor(cv2.merge(image), cv2.COLOR_RGB2GRAY)
    return cv2.blur(luma, (side, side)) / np.float32(255)


@cache
def _rim(height: int, width: int) -> np.ndarray:
    """0 within half the distance to the corner, 1 at the corner, (H, W)."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    radius = np.sqrt((x**2 + y**2) / 2)
    return np.clip((radius - 0.5) / 0.5, 0, 1)


def believed(planes: Planes) -> int | None:
    """The class of a game texture's patch if the teacher is sure of it on average.

    Every fourth row and column is enough to tell.
    """
    if planes[PLACES["confidence"].start][::4, ::4].mean() <= CONFIDENT * 255:
        return None
    return dominant(planes[PLACES["pseudo"].start][::4, ::4])
