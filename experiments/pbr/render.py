"""What materials look like under a light.

# N images, H W height and width; maps (N, C, H, W)
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

DIELECTRIC = 0.04
GAMMA = 2.2
LIGHTS = ((0.6, 0.9), (2.2, 0.6), (3.9, 1.2), (5.4, 0.8))  # azimuth and elevation, radians
LIT = tuple(f"light at {math.degrees(azimuth):.0f}°" for azimuth, _ in LIGHTS)


def render(maps: Mapping[str, Tensor], azimuth: float, elevation: float) -> Tensor:
    """The material seen from above under one light, (N, 3, H, W) in [0, 1], sRGB.

    Lambert and GGX (Walter et al. 2007) with Schlick's Fresnel term, and ambient light through AO.
    """
    flat = math.cos(elevation)
    light = maps["normal"].new_tensor(
        [math.cos(azimuth) * flat, math.sin(azimuth) * flat, math.sin(elevation)]
    )
    half = light + light.new_tensor([0.0, 0.0, 1.0])
    half = half / half.norm()
    albedo = maps["albedo"].clamp(0, 1) ** GAMMA
    metallic = maps["metallic"].clamp(0, 1)
    facing, cosine = (_dot(maps["normal"], v).clamp(0, 1) for v in (light, half))
    squared = maps["roughness"].clamp(0.1, 1) ** 4
    density = squared / (math.pi * (cosine**2 * (squared - 1) + 1) ** 2)
    reflectance = DIELECTRIC * (1 - metallic) + albedo * metallic
    diffuse = albedo * (1 - metallic)
    lit = facing * (diffuse / math.pi + reflectance * density / 4) * math.pi
    ambient = 0.25 * maps["ao"].clamp(0, 1) * (diffuse + reflectance)
    return (lit + ambient).clamp(1e-6, 1) ** (1 / GAMMA)


def _dot(normal: Tensor, vector: Tensor) -> Tensor:
    return (normal * vector[:, None, None]).sum(dim=1, keepdim=True)


def rerender_error(pred: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Tensor:
    """Mean absolute difference of two materials under four lights, per pixel (N, 1, H, W)."""
    errors = [(render(pred, *at) - render(target, *at)).abs() for at in LIGHTS]
    return torch.stack(errors).mean(dim=(0, 2))[:, None]


def reproduction_error(maps: Mapping[str, Tensor], diffuse: Tensor) -> Tensor:
    """How far a material is from its diffuse under the mix of lights that fits best, (N,).

    Needs no truth: what no light can explain is wrong in the maps. Mean absolute difference, sRGB.
    """
    lit = torch.stack([render(maps, *at) ** GAMMA for at in LIGHTS], dim=-1)
    seen, target = lit.flatten(1, 3), (diffuse**GAMMA).flatten(1)[..., None]
    normal = seen.mT @ seen + 1e-6 * torch.eye(len(LIGHTS), device=seen.device)
    mixed = seen @ torch.linalg.solve(normal, seen.mT @ target)
    shown = mixed.clamp(1e-6, 1) ** (1 / GAMMA)
    return (shown - diffuse.flatten(1)[..., None]).abs().mean(dim=(1, 2))
