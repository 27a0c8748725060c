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


def downscale(images: Tensor, scale: int) -> Tensor:
    """(N, C, sH, sW) float -> (N, C, H, W), antialiased.

    Raises:
        ValueError: if a side is not a multiple of the scale; see `mod_crop`.
    """
    height, width = images.shape[-2:]
    if height % scale or width % scale:
        raise ValueError(f"sides must be multiples of {scale}, got {height}x{width}; use mod_crop")
    return _interpolate(images, margin=2, size=(height // scale, width // scale))


def upscale(images: Tensor, scale: int) -> Tensor:
    """(N, C, H, W) float -> (N, C, sH, sW)."""
    height, width = images.shape[-2:]
    return _interpolate(images, margin=2 * scale, size=(height * scale, width * scale))


def mod_crop(images: Tensor, scale: int) -> Tensor:
    """Cut rows and columns off the bottom and right until both sides are multiples of the scale."""
    height, width = images.shape[-2:]
    return images[..., : height - height % scale, : width - width % scale]


def quantise(images: Tensor) -> Tensor:
    """Clip to [0, 1] and round to the 256 levels of an 8-bit file."""
    return images.clamp(0, 1).mul(255).round().div(255)


def _interpolate(images: Tensor, margin: int, size: tuple[int, int]) -> Tensor:
    """Resize with a mirrored border that is `margin` pixels wide in the result and then cut off.

    The kernel reaches 2 low-resolution pixels beyond the border, whichever way it goes.
    """
    height, width = size
    rows = _mirrored(images.shape[-2], margin * images.shape[-2] // height, images.device)
    columns = _mirrored(images.shape[-1], margin * images.shape[-1] // width, images.device)
    padded = images[..., rows[:, None], columns]
    padded_size = (height + 2 * margin, width + 2 * margin)
    resized = F.interpolate(padded, padded_size, mode="bicubic", antialias=True)
    return resized[..., margin:-margin, margin:-margin]


def _mirrored(length: int, margin: int, device: torch.device) -> Tensor:
    """Indices -margin..length+margin-1 reflected into the image, the edge pixel repeated."""
    positions = torch.arange(-margin, length + margin, device=device) % (2 * length)
    return torch.where(positions < length, positions, 2 * length - 1 - positions)
