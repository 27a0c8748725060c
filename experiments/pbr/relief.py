"""Height from normals: the surface whose slopes they are.

# N images, H W height and width
"""

import torch
from torch import Tensor

FLAT = 0.02  # pixels of elevation that count as none
STEEPEST = 4.0  # slope; normals that lean more are not believed
LONGEST = 1.0  # share of the side; longer waves are what a tilt leaves behind


def relief_of(normal: Tensor, torus: tuple[bool, bool] = (False, False)) -> Tensor:
    """The height whose slopes the normals are, (N, 3, H, W) -> (N, 1, H, W), around 0.

    Frankot and Chellappa, "A method for enforcing integrability", 1988, without the mean slope.
    Divided by its spread, which says how steep the normals were made, not how high the material is;
    flat normals give 0.

    Args:
        torus: axes (y, x) along which the picture is a whole period; mirrored along others.
    """
    slopes = -normal[:, :2].float() / normal[:, 2:].float().clamp_min(1 / STEEPEST)
    right, up = (slopes - slopes.mean(dim=(-2, -1), keepdim=True)).unbind(1)
    right, down = _beyond(right, -1, torus), _beyond(-up, -2, torus)
    height, width = right.shape[-2:]
    y = 2 * torch.pi * torch.fft.fftfreq(height, device=normal.device)[:, None]
    x = 2 * torch.pi * torch.fft.rfftfreq(width, device=normal.device)
    squared = x**2 + y**2
    kept = (squared > (2 * torch.pi / (LONGEST * max(normal.shape[-2:]))) ** 2).float()
    waves = -1j * (x * torch.fft.rfft2(right) + y * torch.fft.rfft2(down))
    waves = waves * kept / squared.clamp_min(1e-9)
    relief = torch.fft.irfft2(waves, s=(height, width))
    relief = relief[:, : normal.shape[-2], : normal.shape[-1]]
    spread = relief.std(dim=(1, 2), keepdim=True)
    return (relief / (2 * spread + FLAT)).to(normal.dtype)[:, None]


def _beyond(slope: Tensor, dim: int, torus: tuple[bool, bool]) -> Tensor:
    """Slopes along `dim` of a picture mirrored at its lower and right border where it is no torus.

    Mirrored, what rose falls.
    """
    for axis, whole in zip((-2, -1), torus, strict=True):
        if not whole:
            mirrored = slope.flip(axis)
            slope = torch.cat([slope, -mirrored if axis == dim else mirrored], dim=axis)
    return slope
