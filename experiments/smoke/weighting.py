"""Where the smoke is in a latent, and what an error there weighs.

A weight that depends on the target tilts what is learnt: the optimum of the weighted loss is the
flow of the data reweighted, p(x) w(x) / E w, so where the future is uncertain, heavy smoke makes
more smoke. A weight that depends on what is given (`mask_source: reference`) cancels instead.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.experiments.smoke.latents import as_float
from launch.schedules import Constant, Schedule
from launch.tools import ranks

# B batch, D latent channels, h w latent cells, H W pixels

MaskMode = Literal["latent_norm", "black_distance", "pixel"]
MaskSource = Literal["target", "reference", "union"]

BLACK = 0.02
VISIBLE_CELL = 0.02
FALSE_SMOKE = 0.02
ENOUGH_BLACK = 0.01
BINS = 256
FEW, MANY, ALL = 0.05, 0.5, 0.95


@dataclass(frozen=True)
class View:
    """One frame of each clip, as the mask sees it.

    Attributes:
        latent: raw, before quantisation and standardisation (B, D, h, w).
        frame: (B, 3, H, W), uint8 or in [0, 1].
    """

    latent: Tensor
    frame: Tensor


class SmokeWeighting(nn.Module):
    """Weights of the latent cells; the only reader of the `training.*` keys.

    | mask_mode      | a cell is smoke if                                                      |
    |----------------|-------------------------------------------------------------------------|
    | latent_norm    | its latent is longer than the threshold (black is a latent like others) |
    | black_distance | its latent is further than the threshold from that of a black image     |
    | pixel          | the brightest of its pixels is brighter than the threshold              |

    Args:
        smoke_weight, background_weight: what an error weighs; a schedule makes it change.
        smoke_threshold: a cell is smoke strictly above it; `auto` takes it from the training data,
            see `calibrated_threshold`.
        mask_mode: what is compared with the threshold.
        mask_source: the target, the reference grown by a cell (known when sampling), or both.
        normalize: `weights` divides by the mean weight, so that more smoke is not a higher
            learning rate.
        enabled: false for the plain mean squared error; the mask is still measured.
    """

    threshold: Tensor

    def __init__(
        self,
        smoke_weight: NonNegativeFloat | Schedule = 5.0,
        background_weight: NonNegativeFloat | Schedule = 1.0,
        smoke_threshold: NonNegativeFloat | Literal["auto"] = 0.1,
        mask_mode: MaskMode = "latent_norm",
        mask_source: MaskSource = "target",
        normalize: Literal["none", "weights"] = "none",
        enabled: bool = True,
    ) -> None:
        super().__init__()
        self.smoke_weight = _scheduled(smoke_weight)
        self.background_weight = _scheduled(background_weight)
        self.mask_mode: MaskMode = mask_mode
        self.mask_source, self.normalize, self.enabled = mask_source, normalize, enabled
        self.automatic = smoke_threshold == "auto"
        threshold = math.nan if smoke_threshold == "auto" else smoke_threshold
        self.register_buffer("threshold", torch.tensor(threshold))
        if smoke_weight == background_weight == 0:
            raise ConfigError("smoke_weight and background_weight are both 0: nothing is learnt")

    def mask(self, target: View, reference: View, black: Tensor) -> Tensor:
        """1 where there is smoke, else 0 (B, 1, h, w), without gradient.

        Args:
            black: raw latent of a black image (1, D, h, w).
        """
        if self.mask_source == "target":
            return self.cells(target, black)
        known = F.max_pool2d(self.cells(reference, black), 3, stride=1, padding=1)
        if self.mask_source == "reference":
            return known
        return torch.maximum(known, self.cells(target, black))

    @torch.no_grad()
    def cells(self, view: View, black: Tensor) -> Tensor:
        """The mask of one frame."""
        return (score(self.mask_mode, view, black) > self.threshold).float()

    def weights(self, mask: Tensor, iteration: int) -> Tensor:
        """mask * smoke_weight + (1 - mask) * background_weight, over its mean if normalised."""
        if not self.enabled:
            return torch.ones_like(mask)
        smoke, background = self.pair(iteration)
        weights = mask * smoke + (1 - mask) * background
        if self.normalize == "weights":
            return weights / ranks.mean(weights.mean()).clamp_min(1e-12)
        return weights

    def pair(self, iteration: int) -> tuple[float, float]:
        """Weights of smoke and background at an iteration."""
        return self.smoke_weight(iteration), self.background_weight(iteration)

    def calibrate(self, view: View, black: Tensor) -> None:
        """Set an `auto` threshold, once."""
        if self.automatic and self.threshold.isnan():
            scores = score(self.mask_mode, view, black)
            value = calibrated_threshold(scores, brightest(view.frame, scores))
            self.threshold.fill_(value)

    def warnings(self, smoke_ratio: float, coverage: float) -> list[str]:
        """What a share of smoke cells says about the threshold.

        Args:
            coverage: share of pixels that are smoke, which the ratio may exceed several times.
        """
        found = f"smoke_ratio is {smoke_ratio:.3f} at threshold {float(self.threshold):.3g}"
        seen = f"while {coverage:.3f} of the pixels are smoke"
        if smoke_ratio > ALL:
            return [
                f"{found} {seen}: the mask selects everything, so the weighting only changes the "
                "learning rate; set training.smoke_threshold=auto, or "
                "training.mask_mode=black_distance"
            ]
        if smoke_ratio > MANY:
            return [f"{found} {seen}: much smoke, or the threshold is too low"]
        if smoke_ratio < FEW:
            return [f"{found} {seen}: little smoke, or the threshold is too high"]
        return []


class WeightedMSE(nn.Module):
    """mean of weights * (pred - target)^2 over all elements; not divided by the weights.

    With weights of 1 it is the mean squared error, bit for bit.
    """

    def forward(self, pred: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        return (F.mse_loss(pred, target, reduction="none") * weights).mean()


def parts(pred: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """The unweighted error as a whole, and its means over smoke and over background cells.

    Comparable between iterations and between weights, which the weighted loss is not.
    """
    error = F.mse_loss(pred.detach(), target, reduction="none").mean(1, keepdim=True)
    smoke, cells = mask.sum(), mask.numel()
    inside, total = (error * mask).sum(), error.sum()
    return {
        "unweighted": total / cells,
        "smoke": inside / smoke.clamp_min(1),
        "background": (total - inside) / (cells - smoke).clamp_min(1),
    }


def score(mode: MaskMode, view: View, black: Tensor) -> Tensor:
    """What is compared with the threshold (B, 1, h, w)."""
    if mode == "latent_norm":
        return view.latent.norm(dim=1, keepdim=True)
    if mode == "black_distance":
        return (view.latent - black).norm(dim=1, keepdim=True)
    return brightest(view.frame, view.latent)


def brightest(frame: Tensor, like: Tensor) -> Tensor:
    """Brightness of the brightest pixel of each cell (B, 1, h, w)."""
    return F.adaptive_max_pool2d(as_float(frame.amax(1, keepdim=True)), like.shape[-2:])


def calibrated_threshold(scores: Tensor, brightness: Tensor) -> float:
    """The score that 2 % of the cells of black pixels exceed; Otsu's if there are hardly any."""
    black = scores[brightness <= BLACK]
    if len(black) < ENOUGH_BLACK * scores.numel():
        return otsu(scores.flatten().double().cpu().numpy())
    return float(np.quantile(black.double().cpu().numpy(), 1 - FALSE_SMOKE))


def otsu(values: np.ndarray) -> float:
    """The value that parts two classes with the largest variance between them (Otsu 1979)."""
    counts, edges = np.histogram(values, BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    valid = (below > 0) & (above > 0)
    if not valid.any():
        return float(values[0])
    difference = sums[valid] / below[valid] - (sums[-1] - sums[valid]) / above[valid]
    best = np.argmax(below[valid] * above[valid] * difference**2)
    return float(edges[1:][valid][best])


def _scheduled(weight: float | Schedule) -> Schedule:
    return Constant(weight) if isinstance(weight, int | float) else weight
