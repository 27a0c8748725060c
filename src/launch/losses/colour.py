"""Colours of large areas: what a viewer at a distance would call a colour cast."""

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from launch.losses.masked_mean import masked_mean
from launch.losses.precision import full_precision

RGB_TO_UV = ((-0.147, -0.289, 0.436), (0.615, -0.515, -0.100))


class Colour(nn.Module):
    """L1 between the chroma (U, V of BT.601) of images averaged over cells.

    Brightness and anything finer than a cell are left to other losses, so that an adversarial or
    perceptual term may invent texture but not shift the colours. With a mask a cell's colour is
    that of its masked pixels, and it counts by their share.

    Args:
        cell: side of a cell in pixels; the last row and column of cells may be cut.
    """

    honours_masks = True
    matrix: Tensor

    def __init__(self, cell: PositiveInt = 16) -> None:
        super().__init__()
        self.cell = cell
        self.register_buffer("matrix", torch.tensor(RGB_TO_UV)[:, :, None, None], persistent=False)

    @full_precision
    def forward(self, pred: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        difference = F.conv2d(pred - target, self.matrix.to(pred.dtype))  # (N, 2, H, W)
        if mask is None:
            mask = torch.ones_like(difference[:, :1])
        share = self._average(mask)
        colour = self._average(difference * mask) / share.clamp_min(torch.finfo(share.dtype).tiny)
        return masked_mean(colour.abs(), share)

    def _average(self, image: Tensor) -> Tensor:
        return F.avg_pool2d(image, self.cell, ceil_mode=True)
