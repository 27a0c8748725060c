"""A rolled sheet in cross-section, with the winding position of every pixel known exactly.

The truth is an Archimedean spiral, `w = r / pitch - angle / 2 pi`, seen through a smooth random
warp and local changes of the pitch; layer n is the level set `w = n`. From it come the maps a
network would predict, which are then damaged.
"""

import math
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from launch.experiments.winding.channels import Channels, Image, Truth, encode_gradient
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from scipy.ndimage import gaussian_filter

from launch.errors import ConfigError

MARGIN = 80  # pixels of noise beyond the image, so that its borders are not special


@dataclass(frozen=True)
class Spiral:
    """What is drawn, and how it is damaged. Lengths in model pixels.

    | key          | meaning                                                                     |
    |--------------|-----------------------------------------------------------------------------|
    | size         | edge of the square image                                                    |
    | pitch        | distance of two layers                                                      |
    | radius       | distance from the scroll's centre to the image's                            |
    | warp, warp_length | size and length scale of the smooth displacement                       |
    | compression  | size of smooth changes of the winding position, in windings                 |
    | noise        | speckle and white noise on the maps                                         |
    | silent_gaps  | ellipses in which the maps carry nothing, but claim to be valid              |
    | flagged_gaps | the same, marked invalid                                                    |
    | wrong_gaps   | ellipses of straight layers in a random direction, as sure as the rest        |
    | decoys       | arcs with an extra ridge between two layers (a delaminated layer)           |
    | fusions      | arcs in which two layers look like one                                      |
    """

    size: PositiveInt = 256
    pitch: PositiveFloat = 10.0
    radius: PositiveFloat = 190.0
    warp: NonNegativeFloat = 4.0
    warp_length: PositiveFloat = 40.0
    compression: NonNegativeFloat = 0.0
    noise: NonNegativeFloat = 0.1
    silent_gaps: NonNegativeInt = 0
    flagged_gaps: NonNegativeInt = 0
    wrong_gaps: NonNegativeInt = 0
    decoys: NonNegativeInt = 0
    fusions: NonNegativeInt = 0
    downscale: PositiveFloat = 1.0
    slices: PositiveInt = 1
    slice_drift: Annotated[float, Field(ge=0)] = 1.0
    """Displacement of the warp from one slice to the next, in pixels."""

    def __post_init__(self) -> None:
        if self.radius <= 0.5 * self.size + 2 * self.pitch:
            raise ConfigError(
                f"radius {self.radius:g} puts the scroll's centre inside the image of {self.size} "
                f"pixels; give at least {0.5 * self.size + 2 * self.pitch:g}"
            )


def spiral(settings: Spiral, seed: int) -> Channels:
    """The maps of one synthetic scroll, with truth. The same seed gives the same scroll.

    Raises:
        ConfigError: when warp or compression fold the sheet over itself.
    """
    slices = [one_slice(settings, seed, number) for number in range(settings.slices)]
    maps: dict[str, Any] = {key: np.stack([part[key] for part in slices]) for key in slices[0]}
    truth = Truth(maps.pop("winding"), maps.pop("undamaged"), {"seed": seed, **asdict(settings)})
    return Channels(
        **maps,
        downscale=settings.downscale,
        picture=maps["cosine"],
        truth=truth,
        name=f"spiral seed {seed}",
    )


def one_slice(settings: Spiral, seed: int, number: int) -> dict[str, Image]:
    """Maps and truth of one slice; gaps and warp are shared, noise is not."""
    shape = np.random.default_rng([seed, 0])
    grain = np.random.default_rng([seed, 1, number])
    winding = winding_position(settings, shape, number * settings.slice_drift)
    maps = clean_maps(winding, settings)
    damage_layers(maps, winding, settings, shape)
    silent = ellipses(settings.size, settings.silent_gaps, shape)
    flagged = ellipses(settings.size, settings.flagged_gaps, shape)
    blank(maps, np.maximum(silent, flagged))
    wrong = [mislead(maps, settings, shape) for _ in range(settings.wrong_gaps)]
    add_noise(maps, settings.noise, grain)
    valid = 1.0 - (flagged > 0.5)
    undamaged = 1.0 - (np.max([silent, flagged, *wrong], 0) > 0.5)
    result = {**maps, "valid": valid, "winding": winding, "undamaged": undamaged}
    return {key: value.astype(np.float32) for key, value in result.items()}


def smooth_noise(size: int, length: float, rng: np.random.Generator, shift: float = 0.0) -> Image:
    """Gaussian-filtered noise with standard deviation 1, moved down by `shift` pixels."""
    white = rng.standard_normal((size + 2 * MARGIN, size + 2 * MARGIN))
    field = gaussian_filter(white, length)
    whole = round(shift)
    inner = np.roll(field, -whole, axis=0)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return inner / field[MARGIN:-MARGIN, MARGIN:-MARGIN].std()


def winding_position(settings: Spiral, rng: np.random.Generator, drift: float) -> Image:
    """The truth: winding position of every pixel, (H, W)."""
    size, length = settings.size, settings.warp_length
    y, x = np.mgrid[0:size, 0:size].astype(float)
    move_x = settings.warp * smooth_noise(size, length, rng, drift)
    move_y = settings.warp * smooth_noise(size, length, rng, drift)
    from_x = x + move_x - (size / 2 - settings.radius)
    from_y = y + move_y - size / 2
    turns = np.arctan2(from_y, from_x) / (2 * math.pi)
    winding = np.hypot(from_x, from_y) / settings.pitch - turns
    winding += settings.compression * smooth_noise(size, 3 * settings.pitch, rng)
    check_unfolded(np.gradient(winding)[1], settings)
    return winding


def check_unfolded(change_x: Image, settings: Spiral) -> None:
    """Layers must follow one another outwards everywhere."""
    if change_x.min() <= 0.1 / settings.pitch * 0.5:
        raise ConfigError(
            f"warp {settings.warp:g} over {settings.warp_length:g} pixels and compression "
            f"{settings.compression:g} fold the sheet over itself; lower them"
        )


def clean_maps(winding: Image, settings: Spiral) -> dict[str, Image]:
    """What a perfect network would predict."""
    change_y, change_x = np.gradient(winding)
    dir0, dir1 = encode_gradient(change_x, change_y)
    density = np.hypot(change_x, change_y) / settings.downscale
    cosine = 0.5 + 0.5 * np.cos(2 * math.pi * winding)
    return {"cosine": cosine, "density": density, "dir0": dir0, "dir1": dir1}


def damage_layers(
    maps: dict[str, Image], winding: Image, settings: Spiral, rng: np.random.Generator
) -> None:
    """Ridges that are not there, and layers that cannot be told apart, each over an ellipse."""
    for _ in range(settings.decoys):
        part = ellipses(settings.size, 1, rng)
        ridge = 0.5 + 0.5 * np.cos(4 * math.pi * winding)
        maps["cosine"] = (1 - part) * maps["cosine"] + part * np.maximum(maps["cosine"], ridge)
    for _ in range(settings.fusions):
        part = ellipses(settings.size, 1, rng)
        fused = 0.5 + 0.5 * np.cos(math.pi * winding)
        maps["cosine"] = (1 - part) * maps["cosine"] + part * fused
        maps["density"] = maps["density"] * (1 - 0.5 * part)


def ellipses(size: int, count: int, rng: np.random.Generator) -> Image:
    """Soft-edged random ellipses, half axes 12 to 28 pixels at size 256; 1 inside."""
    y, x = np.mgrid[0:size, 0:size].astype(float)
    inside = np.zeros((size, size))
    for _ in range(count):
        middle_x, middle_y = rng.uniform(0.15, 0.85, 2) * size
        half_x, half_y = rng.uniform(12, 28, 2) * size / 256
        inside[((x - middle_x) / half_x) ** 2 + ((y - middle_y) / half_y) ** 2 < 1] = 1
    return gaussian_filter(inside, 2.0)


def blank(maps: dict[str, Image], gaps: Image) -> None:
    """In gaps the maps lose what they know: no phase, no direction, a third of the density."""
    maps["cosine"] = maps["cosine"] * (1 - gaps) + 0.5 * gaps
    maps["density"] = maps["density"] * (1 - gaps) + 0.3 * maps["density"].mean() * gaps
    for key in ("dir0", "dir1"):
        maps[key] = maps[key] * (1 - gaps) + 0.5 * gaps


def mislead(maps: dict[str, Image], settings: Spiral, rng: np.random.Generator) -> Image:
    """Replaces an ellipse of the maps by straight layers in a random direction, and returns it."""
    part = ellipses(settings.size, 1, rng)
    angle, phase = rng.uniform(0, math.pi), rng.uniform()
    y, x = np.mgrid[0 : settings.size, 0 : settings.size].astype(float)
    winding = (x * math.cos(angle) + y * math.sin(angle)) / settings.pitch + phase
    for key, values in clean_maps(winding, settings).items():
        maps[key] = (1 - part) * maps[key] + part * values
    return part


def add_noise(maps: dict[str, Image], noise: float, rng: np.random.Generator) -> None:
    """Speckle (2 pixels) and white noise on the cosine, smooth noise on the rest."""
    size = maps["cosine"].shape[0]
    speckle = smooth_noise(size, 2.0, rng) + 0.5 * rng.standard_normal((size, size))
    maps["cosine"] = np.clip(maps["cosine"] + noise * speckle, 0, 1)
    wrong = maps["density"] * (1 + noise * smooth_noise(size, 4.0, rng))
    maps["density"] = np.maximum(gaussian_filter(wrong, 2.0), 0)
    for key in ("dir0", "dir1"):
        maps[key] = gaussian_filter(maps[key], 2.0) + 0.3 * noise * smooth_noise(size, 4.0, rng)
