"""A discriminator: images (N, 3, H, W) to a map of logits, positive where they look real.

It does not normalise over the batch, so that each image is judged alone, as the gradient penalty
of r3gan requires.
"""

from itertools import pairwise

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2


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
            layers += [convolution(narrow, wide, normalise, 4, stride, bias=not normalise)]
        layers += [nn.LeakyReLU(SLOPE), nn.Conv2d(widths[-1], 1, 4, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def convolution(
    inputs: int,
    outputs: int,
    normalise: bool,
    size: int = 3,
    stride: int = 1,
    bias: bool = False,
) -> nn.Module:
    """With spectral normalisation (Miyato et al. 2018) or without."""
    layer = nn.Conv2d(inputs, outputs, size, stride, padding=1, bias=bias)
    return spectral_norm(layer) if normalise else layer
