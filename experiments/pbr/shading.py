"""From height to normals and ambient occlusion, and the light that artists bake into a diffuse."""

from dataclasses import dataclass

import numpy as np
from launch.experiments.pbr.layers import Maps, unit
from launch.experiments.pbr.noise import Generator, blur

DIELECTRIC = 0.04  # reflectance of non-metals at normal incidence


def normals_of(height: np.ndarray, strength: float) -> np.ndarray:
    """Normals (H, W, 3), y up, by central differences over the edges.

    Args:
        strength: pixels of elevation between height 0 and 1.
    """
    right = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) / 2
    up = (np.roll(height, 1, 0) - np.roll(height, -1, 0)) / 2
    return unit(np.stack([-strength * right, -strength * up, np.ones_like(height)], axis=-1))


def occlusion_of(height: np.ndarray) -> np.ndarray:
    """Ambient occlusion: how far a point lies below its surroundings, near and wide."""
    n = height.shape[0]
    near = np.clip(blur(height, n / 40) - height, 0, 1)
    wide = np.clip(blur(height, n / 12) - height, 0, 1)
    return np.clip(1 - 2.2 * near - 1.2 * wide, 0.15, 1)


@dataclass(frozen=True)
class Light:
    """How much of the light ends up in a diffuse texture.

    Attributes:
        elevation: range of the light's angle above the surface, radians.
        ambient, direct: of the albedo. `occlusion`: exponent of the baked AO.
        highlight: of the specular lobe.
    """

    elevation: tuple[float, float]
    ambient: float
    direct: float
    occlusion: float
    highlight: float


STUDIO = Light((1.3, 1.4), ambient=0.8, direct=0.25, occlusion=0.5, highlight=0.1)
BAKED = Light((0.6, 1.1), ambient=0.45, direct=0.7, occlusion=1.2, highlight=0.25)


def bake(random: Generator, maps: Maps, light: Light) -> np.ndarray:
    """A diffuse texture (H, W, 3) with shadows, occlusion and a GGX highlight in it."""
    azimuth, elevation = random.uniform(0, 2 * np.pi), random.uniform(*light.elevation)
    flat = np.cos(elevation)
    direction = np.array([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)])
    metallic = maps["metallic"][..., None]
    facing = np.clip(maps["normal"] @ direction, 0, 1)
    shade = light.ambient * maps["ao"] ** light.occlusion + light.direct * facing
    reflectance = DIELECTRIC * (1 - metallic) + maps["albedo"] * metallic
    lobe = light.highlight * facing * _ggx(maps["normal"], maps["roughness"], direction)
    body = maps["albedo"] * (1 - 0.6 * metallic) * shade[..., None]
    return np.clip(body + reflectance * (lobe[..., None] + 0.25), 0, 1)


def _ggx(normal: np.ndarray, roughness: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Distribution of microfacets seen from above (Walter et al. 2007), cut at 4."""
    half = direction + np.array([0, 0, 1.0])
    cosine = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1)
    squared = np.clip(roughness**2, 0.02, 1) ** 2
    density = squared / (np.pi * (cosine**2 * (squared - 1) + 1) ** 2)
    return np.minimum(density, 4)


def weather(random: Generator, diffuse: np.ndarray) -> np.ndarray:
    """What old game files do to a diffuse: cold cast, faded, another gamma, half size, 5 bits."""
    cast = np.array([random.uniform(0.88, 0.98), 1, random.uniform(1.02, 1.12)])
    image = diffuse * cast
    grey = image.mean(axis=-1, keepdims=True)
    image = np.clip(grey + (image - grey) * random.uniform(0.65, 0.95), 0, 1)
    image = image ** random.uniform(0.8, 1.15)
    if random.random() < 0.5:
        image = image[::2, ::2].repeat(2, 0).repeat(2, 1)[: len(diffuse), : len(diffuse)]
    image = np.round(image * 31) / 31 + random.normal(0, 0.008, image.shape)
    return np.clip(image, 0, 1)


def relight(random: Generator, maps: Maps) -> np.ndarray:
    """A diffuse for a set whose diffuse is its albedo, which would teach the identity.

    Lambert's shade, 0.4 + 0.6 n.l under a random light, and a colour cast of up to 5 %.
    """
    azimuth, elevation = random.uniform(0, 2 * np.pi), random.uniform(0.6, 1.3)
    flat = np.cos(elevation)
    direction = np.array([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)])
    shade = 0.4 + 0.6 * np.clip(maps["normal"] @ direction, 0, 1)
    return np.clip(maps["albedo"] * shade[..., None] * random.uniform(0.95, 1.05, 3), 0, 1)
