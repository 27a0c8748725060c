"""Binary masks that let gradients through: logistic noise, temperature, exact top-k."""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from launch.tools.ranks import uniform

# N batch, h w the grid of the mask network: logits and masks (N, 1, h, w)

BISECTIONS = 40


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


Surrogate = Literal["sigmoid", "soft_top_k"]


def sample(
    logits: Tensor,
    temperature: float,
    hard: bool = True,
    gumbel: bool = True,
    project: bool = True,
    keep_ratio: float = 0.1,
    surrogate: Surrogate = "sigmoid",
) -> MaskSample:
    """Binary-concrete masks with straight-through gradients.

        noisy = (logits + log(u / (1 - u))) / temperature,   u ~ U(0, 1)
        soft = sigmoid(noisy)

    The noise is the difference of two Gumbel variates, so that P(soft >= 0.5) = sigmoid(logit) at
    every temperature (Maddison, Mnih and Teh, ICLR 2017). `hard` thresholds at 0.5; `project` keeps
    the `keep_ratio` of largest noisy logits of each image, whether thresholded or not. Both are
    exactly 0 or 1 going forward and have a soft gradient going back. In fp32 also under autocast,
    because 16-bit logits have few distinct values.

    Args:
        gumbel: whether to add noise; without it the mask is deterministic.
        keep_ratio: share of pixels that a projected mask keeps, at least one pixel.
        surrogate: what the projection's gradient is that of. `sigmoid`: of `soft`. It also moves
            all logits of an image together, which changes no projected mask but fights every area
            penalty. `soft_top_k`: of the sigmoid around the threshold at which the soft mask has
            the wanted area, which leaves the common level to the penalties.
    """
    with torch.autocast(logits.device.type, enabled=False):
        noisy = logits.float()
        if gumbel:
            noisy = noisy + logistic_noise(noisy)
        noisy = noisy / temperature
        soft = noisy.sigmoid()
        sampled = straight_through((soft >= 0.5).float(), soft) if hard else soft
        if project:
            around = soft_top_k(noisy, keep_ratio) if surrogate == "soft_top_k" else soft
            projected = straight_through(top_k(noisy, keep_ratio), around)
        else:
            projected = sampled
    return MaskSample(soft, sampled, projected)


def logistic_noise(like: Tensor) -> Tensor:
    """log(u / (1 - u)) for u ~ U(0, 1), kept away from both ends."""
    drawn = uniform(*like.shape, device=like.device)
    return torch.logit(drawn, eps=torch.finfo(torch.float32).eps)


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of `hard` with the gradient of `soft` (Bengio, Léonard and Courville 2013)."""
    return soft + (hard - soft).detach()


def soft_top_k(scores: Tensor, keep_ratio: float) -> Tensor:
    """sigmoid(scores - t) with the t of each image that gives a mean of `keep_ratio`.

    t is found by bisection. Its gradient is that of the condition it solves, dt = sum w ds / sum w
    with w the slope of the sigmoid, so that a common shift of the scores changes nothing.
    """
    flat = scores.flatten(1)
    with torch.no_grad():
        odds = math.log(keep_ratio / (1 - keep_ratio))
        low, high = (bound[:, None] - odds for bound in flat.aminmax(dim=1))
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            too_large = torch.sigmoid(flat - middle).mean(1, keepdim=True) > keep_ratio
            low, high = torch.where(too_large, middle, low), torch.where(too_large, high, middle)
        threshold = (low + high) / 2
        soft = torch.sigmoid(flat - threshold)
        slope = soft * (1 - soft)
        slope = slope / slope.sum(1, keepdim=True).clamp_min(torch.finfo(slope.dtype).tiny)
    shift = (slope * flat).sum(1, keepdim=True)
    return torch.sigmoid(flat - threshold - (shift - shift.detach())).view(scores.shape)


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
