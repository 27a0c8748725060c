"""Total variation: how much neighbouring pixels of the prediction differ."""

import torch
from torch import Tensor, nn

from launch.losses.masked_mean import masked_mean


class TotalVariation(nn.Module):
    """mean |p[y, x+1] - p[y, x]| + mean |p[y+1, x] - p[y, x]|; anisotropic, needs no target.

    With a mask a pair of neighbours counts as much as the lesser of the two. Rudin, Osher and
    Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 1992.
    """

    honours_masks = True

    def forward(
        self, pred: Tensor, target: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        return _variation(pred, mask, dim=-1) + _variation(pred, mask, dim=-2)


def _variation(image: Tensor, mask: Tensor | None, dim: int) -> Tensor:
    pairs = None if mask is None else torch.minimum(*_neighbours(mask, dim))
    return masked_mean(image.diff(dim=dim).abs(), pairs)


def _neighbours(mask: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    last = mask.shape[dim] - 1
    return mask.narrow(dim, 0, last), mask.narrow(dim, 1, last)
