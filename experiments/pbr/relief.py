"""Height from normals: the surface whose slopes they are.

# N images, H W height and width
"""

import torch
from torch import Tensor

FLAT = 0.02  # pixels of elevation that count as none
STEEPEST = 4.0  # slope; normals that lean more are not believed
LONGEST = 1.0  # share of the side; longer waves are what a tilt leaves behind


def relief_of(normal: Tensor) -> Tensor:
    """The height whose slopes the normals are, (N, 3, H, W) -> (N, 1, H, W), around 0.

    Frankot and Chellappa, "A method for enforcing integrability", 1988, on the picture mirrored at
    its borders and without its mean slope. Divided by its spread, which says how steep the normals
    were made, not how high the material is; flat normals give 0.
    """
    slopes = -normal[:, :2].float() / normal[:, 2:].float().clamp_min(1 / STEEPEST)
    right, up = (slopes - slopes.mean(dim=(-2, -1), keepdim=True)).unbind(1)
    right, down = _mirrored(right, -1), _mirrored(-up, -2)
    height, width = right.shape[-2:]
    y = 2 * torch.pi * torch.fft.fftfreq(height, device=normal.device)[:, None]
    x = 2 * torch.pi * torch.fft.rfftfreq(width, device=normal.device)
    squared = x**2 + y**2
    kept = (squared > (4 * torch.pi / (LONGEST * max(height, width))) ** 2).float()
    waves = -1j * (x * torch.fft.rfft2(right) + y * torch.fft.rfft2(down))
    waves = waves * kept / squared.clamp_min(1e-9)
    relief = torch.fft.irfft2(waves, s=(height, width))[:, : height // 2, : width // 2]
    spread = relief.std(dim=(1, 2), keepdim=True)
    return (relief / (2 * spread + FLAT)).to(normal.dtype)[:, None]


def _mirrored(slope: Tensor, dim: int) -> Tensor:
    """Slopes along `dim` of a picture mirrored at its right and lower border."""
    other = -1 if dim == -2 else -2
    wide = torch.cat([slope, -slope.flip(dim)], dim=dim)
    return torch.cat([wide, wide.flip(other)], dim=other)
