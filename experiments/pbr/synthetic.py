"""Procedural materials of seven classes that tile, in two domains.

One height field and the parameters of a class drive all maps, so that they agree with each other.
`clean` is lit like a scan, close to its albedo; `game` has the light, the cold tint and the
compression of an old game baked in. `game` may hold several materials in one texture.

# n side in pixels; maps are (n, n) or (n, n, 3)
"""

import colorsys
from collections.abc import Callable

import numpy as np
from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.layers import GAME, Maps
from launch.experiments.pbr.noise import Generator, cells, fractal, smoothstep, unit_range
from launch.experiments.pbr.shading import BAKED, STUDIO, bake, normals_of, occlusion_of, weather

FREQUENCY = {
    "stone": 0.28,
    "wood": 0.22,
    "metal": 0.16,
    "fabric": 0.11,
    "ground": 0.10,
    "leather": 0.07,
    "ceramic": 0.06,
}
METALS = ((0.56, 0.57, 0.58), (0.76, 0.51, 0.43), (0.72, 0.60, 0.32))
Surface = dict[str, np.ndarray]


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))


def blend(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """From one colour to another, (n, n, 3)."""
    return first * (1 - share[..., None]) + second * share[..., None]


def wood(random: Generator, n: int) -> Surface:
    """Planks with year rings and grain."""
    x = np.mgrid[0:n, 0:n][1] / n
    planks = int(random.integers(2, 5))
    grain = unit_range(fractal(random, n, 1.4, 4, stretch=2.6))
    fine = unit_range(fractal(random, n, 1.6, 8))
    wave = fractal(random, n, 2.4) * 0.3
    ring = 0.5 + 0.5 * np.sin(2 * np.pi * planks * 3 * x + 2 * np.pi * wave)
    seam = smoothstep(0.93, 0.99, np.abs((x * planks) % 1 - 0.5) * 2)
    share = np.clip(0.35 * grain + 0.4 * ring + 0.25 * fine, 0, 1)
    hue = 0.07 + random.normal() * 0.01
    return {
        "height": 0.6 + 0.15 * (grain - 0.5) + 0.1 * (ring - 0.5) - 0.5 * seam,
        "albedo": blend(hsv(hue - 0.01, 0.6, 0.22), hsv(hue + 0.01, 0.5, 0.55), share),
        "roughness": 0.55 + 0.2 * grain + 0.15 * seam,
    }


def stone(random: Generator, n: int) -> Surface:
    """Blocks with cracks."""
    first, second, index = cells(random, n, int(random.integers(8, 30)))
    crack = 1 - smoothstep(0.03, 0.12, second - first)
    tone = random.random(index.max() + 1)[index]
    coarse = unit_range(fractal(random, n, 2.2, 2))
    fine = unit_range(fractal(random, n, 1.6, 8))
    hue = random.uniform(0.05, 0.13)
    share = np.clip(0.5 * fine + 0.5 * tone, 0, 1)
    return {
        "height": 0.65 + 0.12 * (tone - 0.5) + 0.12 * (coarse - 0.5) - 0.5 * crack,
        "albedo": blend(hsv(hue, 0.08, 0.25), hsv(hue, 0.14, 0.6), share),
        "roughness": 0.7 + 0.2 * fine + 0.05 * crack,
    }


def metal(random: Generator, n: int) -> Surface:
    """Brushed steel, copper or brass, rusty in places; rust is not metallic."""
    scratch = unit_range(fractal(random, n, 0.8, 6, stretch=4.0))
    fine = unit_range(fractal(random, n, 1.6, 8))
    rust = smoothstep(0.2, 1.0, fractal(random, n, 2.6, 2) + random.normal() * 0.6 - 0.3)
    bright = np.array(METALS[random.integers(len(METALS))]) * (0.8 + 0.2 * scratch)[..., None]
    corroded = blend(hsv(0.04, 0.8, 0.2), hsv(0.06, 0.75, 0.45), fine)
    return {
        "height": 0.6 + 0.03 * scratch + 0.1 * rust * fine,
        "albedo": blend(bright, corroded, rust),
        "roughness": 0.22 + 0.15 * scratch + 0.5 * rust,
        "metallic": 1 - rust,
    }


def fabric(random: Generator, n: int) -> Surface:
    """A plain weave of 16 to 32 threads (fewer where they would be narrower than 4 pixels)."""
    y, x = np.mgrid[0:n, 0:n] / n
    threads = int(random.integers(min(16, n // 5), min(33, n // 4 + 1)))
    warp, weft = np.sin(2 * np.pi * threads * x), np.sin(2 * np.pi * threads * y)
    over = smoothstep(-0.3, 0.3, warp * weft)
    fine = unit_range(fractal(random, n, 1.6, 8))
    hue = random.random()
    share = np.clip(0.6 * over + 0.4 * fine, 0, 1)
    relief = np.abs(warp) * over + np.abs(weft) * (1 - over)
    return {
        "height": 0.5 + 0.2 * relief + 0.05 * fine,
        "albedo": blend(hsv(hue, 0.5, 0.25), hsv(hue + 0.03, 0.45, 0.5), share),
        "roughness": 0.82 + 0.12 * fine,
    }


def leather(random: Generator, n: int) -> Surface:
    """Fine pores and soft folds."""
    first, second, _ = cells(random, n, int(random.integers(90, 160)))
    pore = 1 - smoothstep(0.02, 0.2, second - first)
    fold = unit_range(fractal(random, n, 2.5))
    fine = unit_range(fractal(random, n, 1.6, 8))
    hue = random.uniform(0.02, 0.08)
    share = np.clip(0.6 * (1 - pore) + 0.4 * fine, 0, 1)
    return {
        "height": 0.7 - 0.3 * pore + 0.06 * fold,
        "albedo": blend(hsv(hue, 0.65, 0.12), hsv(hue, 0.55, 0.38), share),
        "roughness": 0.42 + 0.2 * pore + 0.12 * fine,
    }


def ground(random: Generator, n: int) -> Surface:
    """Soil with pebbles, and grass in places."""
    soil = unit_range(fractal(random, n, 2.0, 3))
    fine = unit_range(fractal(random, n, 1.6, 8))
    first, _, index = cells(random, n, int(random.integers(40, 90)))
    pebble = smoothstep(0.45, 0.2, first) * (random.random(index.max() + 1)[index] > 0.6)
    grass = smoothstep(0.0, 1.0, fractal(random, n, 2.4, 2) + random.normal() * 0.5)
    earth = blend(hsv(0.07, 0.5, 0.14), hsv(0.09, 0.4, 0.36), soil)
    green = blend(earth, hsv(0.24, 0.5, 0.3), 0.7 * grass)
    return {
        "height": 0.4 + 0.2 * soil + 0.3 * pebble,
        "albedo": blend(green, hsv(0.1, 0.08, 0.5), pebble),
        "roughness": 0.88 + 0.08 * fine - 0.1 * pebble,
    }


def ceramic(random: Generator, n: int) -> Surface:
    """Glazed tiles with rough grout."""
    y, x = np.mgrid[0:n, 0:n] / n
    tiles = int(random.integers(3, 7))
    edge = np.maximum(np.abs((x * tiles) % 1 - 0.5), np.abs((y * tiles) % 1 - 0.5)) * 2
    grout = smoothstep(0.86, 0.96, edge)
    tone = random.random((tiles, tiles))[(y * tiles).astype(int), (x * tiles).astype(int)]
    fine = unit_range(fractal(random, n, 1.6, 8))
    hue = random.random()
    glaze = blend(hsv(hue, 0.35, 0.5), hsv(hue + 0.04, 0.3, 0.75), tone)
    return {
        "height": 0.75 - 0.45 * grout + 0.02 * fine,
        "albedo": blend(glaze, hsv(0.1, 0.05, 0.55), grout),
        "roughness": 0.16 + 0.06 * fine + 0.6 * grout,
    }


SURFACES: dict[str, Callable[[Generator, int], Surface]] = {
    "ceramic": ceramic,
    "fabric": fabric,
    "ground": ground,
    "leather": leather,
    "metal": metal,
    "stone": stone,
    "wood": wood,
}


def surface(random: Generator, category: str, n: int) -> Maps:
    """All maps of one material except its diffuse, with its class at every pixel."""
    maps: Maps = {"metallic": np.zeros((n, n))} | SURFACES[category](random, n)
    maps["albedo"] = np.clip(maps["albedo"], 0.02, 0.95)
    maps["roughness"] = np.clip(maps["roughness"], 0.05, 1)
    maps["height"] = np.clip(maps["height"], 0, 1)
    maps["classes"] = np.full((n, n), KEPT.index(category))
    return maps


def mosaic(random: Generator, first: Maps, second: Maps) -> Maps:
    """Two materials in one texture, side by side in bands that tile."""
    n = len(first["height"])
    y, x = np.mgrid[0:n, 0:n] / n
    along, shift = (x, y)[random.integers(2)], random.random()
    chosen = (along + shift) % 1 < random.uniform(0.35, 0.65)
    return {
        name: np.where(chosen[..., None] if first[name].ndim == 3 else chosen, first[name], other)
        for name, other in second.items()
    }


def material(seed: int, category: str, domain: str, n: int, second: str | None = None) -> Maps:
    """All maps of a procedural texture.

    Args:
        seed: the same seed gives the same texture, whatever is made before.
        second: another class that shares the texture.
    """
    random = np.random.default_rng([seed, KEPT.index(category)])
    maps = surface(random, category, n)
    if second is not None:
        maps = mosaic(random, maps, surface(random, second, n))
    maps["ao"] = occlusion_of(maps["height"])
    maps["normal"] = normals_of(maps["height"], 6 * n / 64 * random.uniform(0.8, 1.4))
    game = domain == GAME
    diffuse = bake(random, maps, BAKED if game else STUDIO)
    maps["diffuse"] = weather(random, diffuse) if game else diffuse
    return maps


def draw(seed: int, count: int) -> list[str]:
    """Categories of a set, as rare and as common as in `FREQUENCY`; every class occurs."""
    random = np.random.default_rng(seed)
    shares = np.array(list(FREQUENCY.values()))
    drawn = random.choice(list(FREQUENCY), max(0, count - len(KEPT)), p=shares / shares.sum())
    return [*KEPT, *map(str, drawn)][:count]
