"""The terms of the ROI objective. Logits (N, C) of the full, kept and dropped image; masks."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from launch.losses.total_variation import TotalVariation
from launch.tools import ranks

Fraction = Annotated[float, Field(ge=0, le=1)]


class Labels(nn.Module):
    """Binary cross-entropy of logits against labels, averaged over images and labels."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits.float(), labels)


class Consistency(nn.Module):
    """mean |p_full - p_kept|: what is kept should look like the whole. Gradient to both."""

    def forward(self, full: Tensor, kept: Tensor) -> Tensor:
        return (full.float().sigmoid() - kept.float().sigmoid()).abs().mean()


class Drop(nn.Module):
    """mean max(0, p_dropped - p_full): without the region a finding must not look likelier.

    0 as soon as the rest looks no worse than the whole, so that the mask may end anywhere. No
    gradient to the full image.
    """

    def forward(self, full: Tensor, dropped: Tensor) -> Tensor:
        return F.relu(dropped.float().sigmoid() - full.detach().float().sigmoid()).mean()


class DropToNormal(nn.Module):
    """Cross-entropy of the dropped image against no findings: without the region it is healthy."""

    def forward(self, dropped: Tensor) -> Tensor:
        return F.softplus(dropped.float()).mean()


class Sparsity(nn.Module):
    """Mean of the mask before projection."""

    def forward(self, mask: Tensor) -> Tensor:
        return mask.mean()


class Volume(nn.Module):
    """(mean of the mask - target)^2.

    Args:
        target: wanted share of the image.
        reduce: `image` penalises each image, `batch` the mean over the batch, so that a large mask
            of one image may pay for a small one of another.
    """

    def __init__(self, target: Fraction = 0.1, reduce: Literal["image", "batch"] = "image") -> None:
        super().__init__()
        self.target, self.reduce = target, reduce

    def forward(self, mask: Tensor) -> Tensor:
        means = mask.flatten(1).mean(1) if self.reduce == "image" else ranks.mean(mask.mean())
        return torch.square(means - self.target).mean()


__all__ = [
    "Consistency",
    "Drop",
    "DropToNormal",
    "Labels",
    "Sparsity",
    "TotalVariation",
    "Volume",
]
