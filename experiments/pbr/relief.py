"""Height from normals: the surface whose slopes they are.

# N images, H W height and width
"""

import torch
from torch import Tensor

FLAT = 0.02  # pixels of elevation that count as none
STEEPEST = 4.0  # slope; normals that lean more are not believed


def relief_of(normal: Tensor) -> Tensor:
    """The height whose slopes the normals are, (N, 3, H, W) -> (N, 1, H, W), around 0.

    Divided by its spread, which says how steep the normals were made, not how high the material is;
    flat normals give 0. Longer waves than the picture are what a tilt leaves behind, and left out.
    """
    longest = max(normal.shape[-2:])
    return integrated(slopes_of(normal), (False, False), longest).to(normal.dtype)


def slopes_of(normal: Tensor) -> Tensor:
    """Slopes to the right and upwards, (N, 3, H, W) -> (N, 2, H, W)."""
    return -normal[:, :2].float() / normal[:, 2:].float().clamp_min(1 / STEEPEST)


def integrated(slopes: Tensor, torus: tuple[bool, bool], longest: int) -> Tensor:
    """As `relief_of`, from the slopes; in place where it can be, since whole textures are large.

    Frankot and Chellappa, "A method for enforcing integrability", 1988, without the mean slope.

    Args:
        torus: axes (y, x) along which the picture is a whole period; mirrored along others.
        longest: waves that are kept, in pixels.
    """
    height, width = slopes.shape[-2:]
    sides = [side * (1 if whole else 2) for side, whole in zip((height, width), torus, strict=True)]
    y = 2 * torch.pi * torch.fft.fftfreq(sides[0], device=slopes.device)[:, None]
    x = 2 * torch.pi * torch.fft.rfftfreq(sides[1], device=slopes.device)
    waves = _waves(slopes[:, 0], -1, torus).mul_(x)
    waves -= _waves(slopes[:, 1], -2, torus).mul_(y)
    squared = x**2 + y**2
    squared[squared <= (2 * torch.pi / longest) ** 2] = torch.inf
    waves *= -1j
    relief = torch.fft.irfft2(waves.div_(squared), s=sides)[:, :height, :width]
    spread = relief.std(dim=(1, 2), keepdim=True)
    return (relief / (2 * spread + FLAT))[:, None]


def _waves(slope: Tensor, dim: int, torus: tuple[bool, bool]) -> Tensor:
    """Of the slope along `dim`, mirrored at the lower and right border where there is no torus.

    Mirrored, what rose falls.
    """
    slope = slope - slope.mean(dim=(-2, -1), keepdim=True)
    for axis, whole in zip((-2, -1), torus, strict=True):
        if not whole:
            mirrored = slope.flip(axis)
            slope = torch.cat([slope, -mirrored if axis == dim else mirrored], dim=axis)
    return torch.fft.rfft2(slope)
