"""Bicubic resizing by an exact integer factor, as MATLAB's `imresize` does it.

# N images, C channels, H W height and width; s the factor

The literature makes low-resolution images and its bicubic baseline with `imresize`: Keys' kernel
with a = -0.5, widened by s when shrinking, and the image mirrored at its border. torch's bicubic
with `antialias=True` has the same kernel and phase but cuts it off at the border and renormalises,
so mirroring first makes the two equal (to rounding).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

REACH = 2
"""Low-resolution pixels that the kernel reaches beyond the border, whichever way it goes."""


def downscale(images: Tensor, scale: int) -> Tensor:
    """(N, C, sH, sW) float -> (N, C, H, W), antialiased.

    Raises:
        ValueError: if a side is not a multiple of the scale.
    """
    height, width = images.shape[-2:]
    if height % scale or width % scale:
        raise ValueError(f"sides must be multiples of {scale}, got {height}x{width}; cut them")
    return shrunk(_bordered(images, REACH * scale), scale)


def shrunk(bordered: Tensor, scale: int) -> Tensor:
    """As `downscale`, of an image that has a border of `REACH` low-resolution pixels."""
    size = [side // scale for side in bordered.shape[-2:]]
    return _resized(bordered, size, REACH)


def upscale(images: Tensor, scale: int) -> Tensor:
    """(N, C, H, W) float -> (N, C, sH, sW)."""
    bordered = _bordered(images, REACH)
    return _resized(bordered, [side * scale for side in bordered.shape[-2:]], REACH * scale)


def quantise(images: Tensor) -> Tensor:
    """Clip to [0, 1] and round to the 256 levels of an 8-bit file."""
    return images.clamp(0, 1).mul(255).round().div(255)


def mirrored(length: int, first: int, count: int) -> Tensor:
    """Indices first..first+count-1 reflected into an image, the edge pixel repeated."""
    positions = torch.arange(first, first + count) % (2 * length)
    return torch.where(positions < length, positions, 2 * length - 1 - positions)


def _bordered(images: Tensor, margin: int) -> Tensor:
    """With `margin` pixels of its mirror image on every side."""
    height, width = images.shape[-2:]
    rows = mirrored(height, -margin, height + 2 * margin).to(images.device)
    columns = mirrored(width, -margin, width + 2 * margin).to(images.device)
    return images[..., rows[:, None], columns]


def _resized(bordered: Tensor, size: list[int], margin: int) -> Tensor:
    """To a size whose outer `margin` pixels are then cut off."""
    resized = F.interpolate(bordered, size, mode="bicubic", antialias=True)
    return resized[..., margin:-margin, margin:-margin]
