"""Structural similarity of local windows, as losses: 1 - SSIM."""

import torch
import torch.nn.functional as F
from pytorch_msssim import ms_ssim
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.losses.masked_mean import masked_mean
from launch.losses.precision import full_precision

WINDOW = 11
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2
MS_SSIM_SMALLEST = (WINDOW - 1) * 2**4 + 1


class SSIM(nn.Module):
    """1 - mean SSIM of images in [0, 1]; Gaussian windows of 11 pixels, sigma 1.5.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
    TIP 2004. Windows lie wholly inside the image. With a mask, excluded pixels of the prediction
    are replaced by the target and a window counts by the mask at its centre, so what is excluded
    neither costs anything nor gets a gradient.
    """

    honours_masks = True
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        offsets = torch.arange(WINDOW) - WINDOW // 2
        window = torch.exp(-(offsets**2) / (2 * SIGMA**2))
        self.register_buffer("window", window / window.sum(), persistent=False)

    @full_precision
    def forward(self, pred: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        _check_size("SSIM", pred, WINDOW)
        if mask is None:
            return 1 - self._similarity(pred, target).mean()
        border = WINDOW // 2
        centres = mask[..., border:-border, border:-border]
        similarity = self._similarity(torch.where(mask > 0, pred, target), target)
        return masked_mean(1 - similarity, centres)

    def _similarity(self, x: Tensor, y: Tensor) -> Tensor:
        """SSIM of each window, (N, C, H - 10, W - 10); equation 13 of the paper."""
        moments = self._blur(torch.cat([x, y, x * x, y * y, x * y]))
        mean_x, mean_y, square_x, square_y, product = moments.chunk(5)
        covariance = product - mean_x * mean_y
        variances = square_x - mean_x**2 + square_y - mean_y**2
        luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
        return luminance * (2 * covariance + C2) / (variances + C2)

    def _blur(self, image: Tensor) -> Tensor:
        channels = image.shape[1]
        kernel = self.window.to(image.dtype).expand(channels, 1, 1, WINDOW)
        rows = F.conv2d(image, kernel, groups=channels)
        return F.conv2d(rows, kernel.transpose(2, 3), groups=channels)


class MSSSIM(nn.Module):
    """1 - multi-scale SSIM (5 scales) of images in [0, 1] of at least 161 pixels a side.

    Wang et al., "Multiscale structural similarity for image quality assessment", 2003.
    """

    @full_precision
    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        _check_size("MS-SSIM", pred, MS_SSIM_SMALLEST)
        return 1 - ms_ssim(pred, target, data_range=1.0)


def _check_size(name: str, image: Tensor, smallest: int) -> None:
    height, width = image.shape[-2:]
    if min(height, width) < smallest:
        raise ConfigError(
            f"{name} needs images of at least {smallest} x {smallest} pixels, got {height} x "
            f"{width}; use larger crops or a loss of another type, such as ssim (11) or nlpd (17)"
        )
