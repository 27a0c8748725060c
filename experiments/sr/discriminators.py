"""A discriminator that judges every pixel; `launch.losses.patch_discriminator` judges patches."""

from itertools import pairwise

import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from launch.losses.patch_discriminator import SLOPE, convolution


class UNetDiscriminator(nn.Module):
    """Judges every pixel, in the context of its surroundings: logits (N, 1, H, W).

    Three halvings and three doublings with additive skips between equal sizes, and spectral
    normalisation (Miyato et al. 2018) of all inner layers. The design of Real-ESRGAN (Wang et
    al., ICCVW 2021, section 3.4; U-Net discriminators: Schönfeld et al., CVPR 2020). Images need
    at least 8 pixels a side; sizes that are no multiple of 8 are fine.

    Args:
        channels: of the first layer, doubled with each halving; 64 in Real-ESRGAN.
        normalise: spectral normalisation; r3gan regularises by its penalties and can do without.
    """

    def __init__(self, channels: PositiveInt = 64, normalise: bool = True) -> None:
        super().__init__()
        widths = [channels, 2 * channels, 4 * channels, 8 * channels]
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.down = nn.ModuleList(
            convolution(narrow, wide, normalise, size=4, stride=2)
            for narrow, wide in pairwise(widths)
        )
        self.up = nn.ModuleList(
            convolution(wide, narrow, normalise) for wide, narrow in pairwise(reversed(widths))
        )
        self.tail = nn.ModuleList(convolution(channels, channels, normalise) for _ in range(2))
        self.logits = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        x = F.leaky_relu(self.stem(image), SLOPE)
        skips = []
        for down in self.down:
            skips.append(x)
            x = F.leaky_relu(down(x), SLOPE)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = F.leaky_relu(up(x), SLOPE) + skip
        for layer in self.tail:
            x = F.leaky_relu(layer(x), SLOPE)
        return self.logits(x)
