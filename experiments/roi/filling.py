"""What takes the place of hidden pixels."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from launch.tools import ranks
from launch.tools.blur import gaussian

# images (N, 1, S, S), normalised; masks (N, 1, h, w) in [0, 1], 1 shows

Fill = Literal["zero", "mean", "blur", "noise"]

BLUR = 3 / 32  # standard deviation, as a share of the image's side
NOISE = 0.3


def cover(image: Tensor, mask: Tensor, fill: Fill) -> Tensor:
    """The image where the mask is 1 and the fill where it is 0.

    `zero` is mean grey. A layer norm over a constant patch has a slope of 1 / sqrt(eps), about
    1000, so that gradients through `zero` can be huge; `blur` keeps them below 1 but lets large
    structures show through; `noise` adds noise to that; `mean` is the image's own mean.
    """
    shown = F.interpolate(mask, image.shape[-2:]) if mask.shape != image.shape else mask
    if fill == "zero":
        return image * shown
    return image * shown + background(image, fill) * (1 - shown)


def background(image: Tensor, fill: Fill) -> Tensor:
    if fill == "mean":
        return image.mean((2, 3), keepdim=True).expand_as(image)
    smooth = gaussian(image, BLUR * image.shape[-1], cut_off=2.0)
    if fill == "noise":
        smooth = smooth + NOISE * ranks.normal(*smooth.shape, device=smooth.device).to(smooth)
    return smooth


def random_blocks(image: Tensor) -> Tensor:
    """Masks of random blocks: an eighth or a sixteenth of the side, any share of them shown.

    Images differ in the share u^1.5, u ~ U(0, 1), with a mean of 0.4.
    """
    host = torch.device("cpu")
    cells = 8 if torch.rand((), generator=ranks.generator(host)) < 0.5 else 16
    count, device = len(image), image.device
    shares = ranks.uniform(count, 1, 1, 1, device=device) ** 1.5
    return (ranks.uniform(count, 1, cells, cells, device=device) < shares).float()
