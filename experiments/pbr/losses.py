"""Losses that only materials need: classes with gaps, pseudo-labels, the metallic map.

# N images, K classes, H W height and width
"""

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from launch.experiments.pbr.layers import UNKNOWN
from launch.tools import ranks

Share = Annotated[float, Field(ge=0, le=1)]


class CrossEntropy(nn.Module):
    """Mean cross entropy over pixels whose class is known, weighted by class.

    If there is none the loss is 0, with a graph (torch's mean would be 0 / 0); to find out if there
    is one would be to wait for the device.
    """

    def forward(self, logits: Tensor, classes: Tensor, weight: Tensor | None = None) -> Tensor:
        """logits (N, K, H, W); classes (N, H, W), 255 for unknown; weight (K,)."""
        total = F.cross_entropy(logits, classes, weight, ignore_index=UNKNOWN, reduction="sum")
        known = classes != UNKNOWN
        counts = known if weight is None else weight[classes * known] * known
        return ranks.quotient(total, counts.sum().to(total.dtype))


class PseudoCrossEntropy(CrossEntropy):
    """Cross entropy with the classes that a teacher is sure of.

    Args:
        threshold: confidence, the largest class probability, above which a pixel counts.
    """

    def __init__(self, threshold: Share = 0.8) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(
        self,
        logits: Tensor,
        classes: Tensor,
        weight: Tensor | None = None,
        confidence: Tensor | None = None,
    ) -> Tensor:
        """confidence (N, H, W) in [0, 1]."""
        if confidence is not None:
            classes = classes.masked_fill(confidence <= self.threshold, UNKNOWN)
        return super().forward(logits, classes, weight)


class BalancedBCE(nn.Module):
    """Binary cross entropy of logits, positives weighted by #negative / #positive of the batch.

    The weight is at most `largest`, and 1 in a batch without positives: a single metallic pixel
    among a million others would else be all that counts.

    Args:
        largest: of the weight of positives.
        background: weight of pixels outside the mask of metal; 1 counts all alike, 0.2 is the
            variant that trusts a segmentation.
    """

    def __init__(self, largest: PositiveFloat = 20.0, background: Share = 1.0) -> None:
        super().__init__()
        self.largest, self.background = largest, background

    def forward(self, logits: Tensor, target: Tensor, mask: Tensor, metal: Tensor) -> Tensor:
        """All (N, 1, H, W); mask 1 where the target is known, metal 1 where metal is expected."""
        weight = mask * (self.background + (1 - self.background) * metal)
        cross_entropy = F.binary_cross_entropy_with_logits(
            logits, target, reduction="none", pos_weight=self.positive_weight(target, mask)
        )
        return ranks.quotient((cross_entropy * weight).sum(), weight.sum())

    def positive_weight(self, target: Tensor, mask: Tensor) -> Tensor:
        """#negative / #positive over known pixels; soft targets count by their value."""
        positive = ranks.count() * ranks.mean((target * mask).sum())
        negative = ranks.count() * ranks.mean(mask.sum()) - positive
        ratio = (negative / positive.clamp_min(1)).clamp(1 / self.largest, self.largest)
        return torch.where(positive > 0, ratio, torch.ones_like(ratio))
