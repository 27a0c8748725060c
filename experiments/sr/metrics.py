"""PSNR and SSIM as super-resolution papers report them.

# N images, H W height and width

8-bit images, luma only (ITU-R BT.601, 16..235), a border of `border` pixels left out (the papers
take the scale). Prediction and target are RGB in [0, 1]; the prediction is clipped and rounded to
8 bits. Of a target whose file is grey the papers take the grey value itself, 0..255, which makes
its PSNR 20 log10(255 / 219) = 1.32 dB lower than that of its luma. The luma itself is not rounded,
as in BasicSR; MATLAB's `rgb2ycbcr` does round it, which lowers a PSNR of 28 dB by less than
0.02 dB.
"""

import torch
from pytorch_msssim import ssim
from torch import Tensor

from launch.experiments.sr.resize import quantise

SSIM_WINDOW = 11


def smallest_side(border: int) -> int:
    """Shortest side of an image that has both metrics, in pixels."""
    return SSIM_WINDOW + 2 * border


def luma(images: Tensor, grey: bool = False) -> Tensor:
    """RGB (N, 3, H, W) in [0, 1] -> BT.601 luma (N, 1, H, W) in [16, 235], of grey in [0, 255]."""
    red, green, blue = images.split(1, dim=1)
    weighted = 65.481 * red + 128.553 * green + 24.966 * blue
    return weighted * (255 / 219) if grey else weighted + 16


def psnr_y(pred: Tensor, target: Tensor, border: int, grey: bool = False) -> Tensor:
    """10 log10(255² / mean squared error) in dB, shape (N,); infinite for equal images.

    Args:
        grey: the target is a greyscale file.
    """
    squared = (_evaluated(pred, border, grey) - _evaluated(target, border, grey)).square()
    return 10 * torch.log10(255**2 / squared.mean(dim=(1, 2, 3)))


def ssim_y(pred: Tensor, target: Tensor, border: int, grey: bool = False) -> Tensor:
    """Structural similarity (Wang et al. 2004), shape (N,).

    Gaussian window of 11 pixels and sigma 1.5 inside the image only, K1 = 0.01, K2 = 0.03.

    Raises:
        ValueError: if less than a window is left inside the border.
    """
    pred, target = _evaluated(pred, border, grey), _evaluated(target, border, grey)
    if min(pred.shape[-2:]) < SSIM_WINDOW:
        height, width = pred.shape[-2:]
        raise ValueError(f"SSIM needs {SSIM_WINDOW} pixels inside the border, got {height}x{width}")
    return ssim(pred, target, data_range=255, size_average=False, win_size=SSIM_WINDOW)


def _evaluated(images: Tensor, border: int, grey: bool) -> Tensor:
    inside = images[..., border : images.shape[-2] - border, border : images.shape[-1] - border]
    return luma(quantise(inside.float()), grey)
