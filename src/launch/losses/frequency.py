"""The difference of two images, counted in the Fourier domain."""

import torch
from torch import Tensor, nn

from launch.losses.precision import full_precision


class Frequency(nn.Module):
    """L1 on the real and imaginary parts of the 2-D discrete Fourier transform.

    mean over channels and frequencies of (|Re D| + |Im D|) / 2 with D = rfft2(pred - target),
    orthonormal, so that the value does not depend on the size of the image. The negative
    frequencies mirror the positive ones and are not counted again. As in Cho et al., "Rethinking
    Coarse-to-Fine Approach in Single Image Deblurring", ICCV 2021.
    """

    @full_precision
    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(pred - target, norm="ortho")
        return torch.view_as_real(spectrum).abs().mean()
