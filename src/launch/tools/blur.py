"""Gaussian blur of pictures that gradients pass through."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian(images: Tensor, sigma: float, cut_off: float = 3.0) -> Tensor:
    """Blur (N, C, H, W), mirrored at the border without repeating the edge.

    Args:
        sigma: standard deviation in pixels; 0 or less leaves the images as they are.
        cut_off: half width of the kernel in standard deviations.
    """
    if sigma <= 0:
        return images
    radius = min(math.ceil(cut_off * sigma), min(images.shape[-2:]) - 1)
    place = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    planes = F.pad(images, (radius,) * 4, mode="reflect").flatten(0, 1)[:, None]
    blurred = F.conv2d(F.conv2d(planes, kernel), kernel.transpose(2, 3))
    return blurred.view(images.shape)
