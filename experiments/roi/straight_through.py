"""Binary masks that let gradients through: logistic noise, temperature, exact top-k."""

from typing import NamedTuple

import torch
from torch import Tensor

# N batch, h w the grid of the mask network: logits and masks (N, 1, h, w)


class MaskSample(NamedTuple):
    """A mask on its way from logits to what covers the image.

    Attributes:
        soft: probabilities in (0, 1), where all gradients pass.
        sampled: `soft`, or thresholded at 0.5. What area penalties are taken on: after projection
            every mask has the same area, so that nothing would steer it.
        projected: `sampled`, or exactly k ones per image. What hides and shows pixels.
    """

    soft: Tensor
    sampled: Tensor
    projected: Tensor


def sample(
    logits: Tensor,
    temperature: float,
    hard: bool = True,
    gumbel: bool = True,
    project: bool = True,
    keep_ratio: float = 0.1,
) -> MaskSample:
    """Binary-concrete masks with straight-through gradients.

        noisy = (logits + log(u / (1 - u))) / temperature,   u ~ U(0, 1)
        soft = sigmoid(noisy)

    The noise is the difference of two Gumbel variates, so that P(soft >= 0.5) = sigmoid(logit) at
    every temperature (Maddison, Mnih and Teh, ICLR 2017). `hard` thresholds at 0.5; `project` keeps
    the `keep_ratio` of largest noisy logits of each image, whether thresholded or not. Both are
    exactly 0 or 1 going forward and have the gradient of `soft` going back. In fp32 also under
    autocast, because 16-bit logits have few distinct values.

    Args:
        gumbel: whether to add noise; without it the mask is deterministic.
        keep_ratio: share of pixels that a projected mask keeps, at least one pixel.
    """
    with torch.autocast(logits.device.type, enabled=False):
        noisy = logits.float()
        if gumbel:
            noisy = noisy + logistic_noise(noisy)
        noisy = noisy / temperature
        soft = noisy.sigmoid()
        sampled = straight_through((soft >= 0.5).float(), soft) if hard else soft
        projected = straight_through(top_k(noisy, keep_ratio), soft) if project else sampled
    return MaskSample(soft, sampled, projected)


def logistic_noise(like: Tensor) -> Tensor:
    """log(u / (1 - u)) for u ~ U(0, 1), kept away from both ends."""
    uniform = torch.rand_like(like, dtype=torch.float32)
    return torch.logit(uniform, eps=torch.finfo(torch.float32).eps)


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of `hard` with the gradient of `soft` (Bengio, Léonard and Courville 2013)."""
    return soft + (hard - soft).detach()


def top_k(scores: Tensor, keep_ratio: float) -> Tensor:
    """Ones at the k = max(1, round(keep_ratio h w)) largest scores of each image; no gradient.

    Among equal scores the first in reading order are kept, so that k is exact for saturated and
    constant scores too.
    """
    flat = scores.detach().flatten(1).float()
    k = max(1, round(keep_ratio * flat.shape[1]))
    least = flat.topk(k, dim=1).values[:, -1:]
    above, tied = flat > least, flat == least
    room = k - above.sum(1, keepdim=True)
    return (above | (tied & (tied.cumsum(1) <= room))).float().view(scores.shape)
