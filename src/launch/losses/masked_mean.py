"""The mean over the part of an image that a mask lets count."""

from torch import Tensor

from launch.tools.ranks import quotient


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """sum(values * mask) / sum(mask), or the plain mean without a mask.

    The denominator carries the mask too, so that the scale of a loss does not shrink with the
    masked area, and is that of all ranks. An empty mask gives 0 with a graph (and zero gradients)
    instead of 0/0.

    Args:
        values: (N, C, H, W).
        mask: in [0, 1], broadcastable to `values`, usually (N, 1, H, W).
    """
    if mask is None:
        return values.mean()
    weights = mask.to(values.dtype).expand_as(values)
    return quotient((values * weights).sum(), weights.sum())
