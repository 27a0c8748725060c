"""Losses that compare pixel with pixel."""

import torch
import torch.nn.functional as F
from pydantic import PositiveFloat
from torch import Tensor, nn

from launch.losses.masked_mean import masked_mean


class L1(nn.Module):
    """mean |pred - target|."""

    honours_masks = True

    def forward(self, pred: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        return masked_mean(F.l1_loss(pred, target, reduction="none"), mask)


class MSE(nn.Module):
    """mean (pred - target)^2."""

    honours_masks = True

    def forward(self, pred: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        return masked_mean(F.mse_loss(pred, target, reduction="none"), mask)


class Charbonnier(nn.Module):
    """mean sqrt((pred - target)^2 + eps^2): L1 with a rounded tip, so eps where both are equal.

    Lai et al., "Deep Laplacian Pyramid Networks", CVPR 2017.
    """

    honours_masks = True

    def __init__(self, eps: PositiveFloat = 1e-3) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, pred: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        squared = F.mse_loss(pred, target, reduction="none")
        return masked_mean(torch.sqrt(squared + self.eps**2), mask)
