"""Locally discriminative learning: punish what looks like a GAN artifact, spare fine texture."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from launch.losses.precision import full_precision

WINDOW = 7
GLOBAL_POWER = 1 / 5
SMALLEST_VARIANCE = 1e-12  # below it there is no slope, which is infinite at 0


class LDL(nn.Module):
    """L1 weighted by how much each pixel looks like an artifact.

    With the residual r = sum over channels of |target - pred|,

        weight = (var of r in the image)^(1/5) * (var of r in 7 x 7 pixels),

    and 0 where the averaged network (EMA) is the worse one, |target - ema_pred| > r: there the
    network is improving. Artifacts are overshoots without order, so their residual varies
    locally; texture that is merely shifted varies everywhere and is spared.

    As released, the weight has a gradient too: pixels are also moved so that residuals vary less.
    It points away from the gradient of the weighted L1 (cosine about 0.55).

    Liang, Zeng and Zhang, "Details or Artifacts: A Locally Discriminative Learning Approach to
    Realistic Image Super-Resolution", CVPR 2022, and their code, github.com/csjliang/LDL.

    Args:
        detach_map: take the weight as a constant, as the paper's text reads: pixels move towards
            the target only, never to make the residual of their neighbourhood even.
    """

    def __init__(self, detach_map: bool = False) -> None:
        super().__init__()
        self.detach_map = detach_map

    @full_precision
    def forward(self, pred: Tensor, target: Tensor, ema_pred: Tensor) -> Tensor:
        weight = artifact_map(pred.detach() if self.detach_map else pred, target, ema_pred)
        return (weight * (pred - target).abs()).mean()


def artifact_map(pred: Tensor, target: Tensor, ema_pred: Tensor) -> Tensor:
    """The weight of each pixel, (N, 1, H, W), not negative."""
    residual = (target - pred).abs().sum(dim=1, keepdim=True)
    averaged = (target - ema_pred).abs().sum(dim=1, keepdim=True)
    variance = residual.var(dim=(1, 2, 3), keepdim=True)
    overall = variance.clamp_min(SMALLEST_VARIANCE) ** GLOBAL_POWER
    return torch.where(residual < averaged, 0.0, overall * _local_variance(residual))


def _local_variance(residual: Tensor) -> Tensor:
    """Unbiased variance in the window around each pixel, the image mirrored at its border."""
    border = WINDOW // 2
    padded = F.pad(residual, (border,) * 4, mode="reflect")
    mean = F.avg_pool2d(padded, WINDOW, stride=1)
    square = F.avg_pool2d(padded.square(), WINDOW, stride=1)
    count = WINDOW**2
    return (square - mean.square()).clamp_min(0) * count / (count - 1)
