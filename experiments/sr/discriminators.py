"""Discriminators: images (N, 3, H, W) to a map of logits, positive where they look real.

None of them normalises over the batch, so that each image is judged alone, as the gradient
penalty of r3gan requires.
"""

from itertools import pairwise

import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2


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
            _convolution(narrow, wide, normalise, size=4, stride=2)
            for narrow, wide in pairwise(widths)
        )
        self.up = nn.ModuleList(
            _convolution(wide, narrow, normalise) for wide, narrow in pairwise(reversed(widths))
        )
        self.tail = nn.ModuleList(_convolution(channels, channels, normalise) for _ in range(2))
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


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches: one logit each, (N, 1, about H / 2^halvings, W / 2^halvings).

    The PatchGAN of Isola et al., CVPR 2017, which sees 70 x 70 pixels with 3 halvings (34 with 2,
    16 with 1), with spectral instead of batch normalisation.

    Args:
        channels: of the first layer, doubled with each further one up to 8 times as many.
        halvings: layers of stride 2.
        normalise: spectral normalisation of the layers between the first and the last.
    """

    def __init__(
        self, channels: PositiveInt = 64, halvings: PositiveInt = 3, normalise: bool = True
    ) -> None:
        super().__init__()
        widths = [channels * min(2**i, 8) for i in range(halvings + 1)]
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, stride=2, padding=1)]
        for halved, (narrow, wide) in enumerate(pairwise(widths), start=1):
            stride = 2 if halved < halvings else 1
            layers += [nn.LeakyReLU(SLOPE)]
            layers += [_convolution(narrow, wide, normalise, size=4, stride=stride)]
        layers += [nn.LeakyReLU(SLOPE), nn.Conv2d(widths[-1], 1, 4, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def _convolution(
    inputs: int, outputs: int, normalise: bool, size: int = 3, stride: int = 1
) -> nn.Module:
    layer = nn.Conv2d(inputs, outputs, size, stride=stride, padding=1, bias=False)
    return spectral_norm(layer) if normalise else layer
