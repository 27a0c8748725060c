"""The loss terms of a winding fit. Each reads a FitResult and returns a scalar.

A term that honours masks averages `sum(l * mask) / sum(mask)`; an empty mask gives 0, connected to
the graph. Where a quantity needs several samples its mask is the smallest of theirs.
Symbols: N slices, R rows, C columns, S samples per segment.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from launch.experiments.winding.geometry import FitResult
from launch.losses.masked_mean import masked_mean


class WindingLoss(nn.Module):
    """The mean of errors; `term` is the name under which masks know this loss."""

    honours_masks: ClassVar[bool] = False

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        """Errors (N, ...) and their mask; None where each counts."""
        raise NotImplementedError

    def forward(self, fit: FitResult, term: str = "") -> Tensor:
        return masked_mean(*self.errors(fit, term))


def encode(vector: Tensor) -> Tensor:
    """A direction without its sign as two numbers in [0, 1], (..., 2) -> (2, ...).

    `.5 + .5 cos 2t` and `.5 + .5 cos(2t + pi/4)` for the angle t; the second tells +t from -t.
    """
    x, y = vector.unbind(-1)
    xx, yy = x * x, y * y
    norm = xx + yy + 1e-8
    cos, sin = (xx - yy) / norm, 2 * x * y / norm
    return 0.5 + torch.stack([0.5 * cos, (0.5 / math.sqrt(2)) * (cos - sin)])


class Data(WindingLoss):
    """Squared difference of the cosine map and the target with fitted amplitude and bias."""

    honours_masks: ClassVar[bool] = True

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        cosine, valid = fit.fine
        return (cosine - fit.target_mod).square(), fit.gate(term, valid, fit.xy_hr)


class DataPlain(WindingLoss):
    """Squared difference of the cosine map and the plain target."""

    honours_masks: ClassVar[bool] = True

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        cosine, valid = fit.fine
        return (cosine - fit.target_plain).square(), fit.gate(term, valid, fit.xy_hr)


class DataGrad(WindingLoss):
    """Squared difference of the forward differences of cosine map and modulated target."""

    honours_masks: ClassVar[bool] = True

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        cosine, valid = fit.fine
        error, mask = cosine - fit.target_mod, fit.gate(term, valid, fit.xy_hr)
        across, along = error.diff(dim=3).square(), error.diff(dim=2).square()
        both = 0.5 * (across[:, :, :-1] + along[..., :-1])
        return both, pair_min(pair_min(mask, 2), 3)


def pair_min(mask: Tensor, dim: int) -> Tensor:
    """The smaller of two neighbouring values along `dim`."""
    count = mask.shape[dim] - 1
    return torch.minimum(mask.narrow(dim, 0, count), mask.narrow(dim, 1, count))


class DirectionAlong(WindingLoss):
    """The normals of the column polylines against the layer normals."""

    honours_masks: ClassVar[bool] = True

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        x, y = fit.edges.unbind(-1)
        normal = encode(torch.stack([y, -x], -1)).transpose(0, 1)
        layer = 0.5 * (fit.directions[:, :, 1:] + fit.directions[:, :, :-1])
        error = 0.5 * (normal - layer).square().sum(1, keepdim=True)
        mask = fit.gate(term, fit.valid, fit.xy)
        return error, pair_min(mask, 2)


class DirectionAcross(WindingLoss):
    """The links to both neighbouring windings against the layer normals."""

    honours_masks: ClassVar[bool] = True

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        link = encode(fit.halves)  # (2, N, 2, R, C): code, slice, half
        layer = fit.directions.transpose(0, 1)[:, :, None]
        error = 0.5 * (link - layer).square().sum(0)
        ends = fit.valid_strip[:, 0, :: fit.scales.samples]  # (N, 3, R, C)
        mask = fit.gate(term, ends[:, None], fit.links)[:, 0]
        return error, pair_min(mask, 1) * fit.inner


class GradMag(WindingLoss):
    """The layer density along a link, integrated, must be one winding.

    `per_sample` asks each sample alone for density times length 1, which is the published form.
    """

    honours_masks: ClassVar[bool] = True

    def __init__(self, per_sample: bool = False) -> None:
        super().__init__()
        self.per_sample = per_sample

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        length = (fit.halves.square().sum(-1) + 1e-12).sqrt() * fit.scales.downscale
        density = halves_of(fit.along[:, 0], fit.scales.samples)  # (N, 2, S+1, R, C)
        if self.per_sample:
            error = (density * length[:, :, None] - 1).square().mean(2)
        else:
            error = (trapezoid(density) * length - 1).square()
        mask = fit.gate(term, fit.valid_strip, fit.strip)[:, 0]
        worst = halves_of(mask, fit.scales.samples).amin(2)
        return error, worst * fit.inner


def halves_of(strip: Tensor, samples: int) -> Tensor:
    """(N, 2S+1, R, C) as left and right half that share the middle, (N, 2, S+1, R, C)."""
    return strip.unfold(1, samples + 1, samples).movedim(-1, 2)


def trapezoid(values: Tensor) -> Tensor:
    """Trapezoid mean over dimension 2."""
    ends = 0.5 * (values[:, :, 0] + values[:, :, -1])
    return (values[:, :, 1:-1].sum(2) + ends) / (values.shape[2] - 1)


class Step(WindingLoss):
    """Rows stay one mesh step apart; relative, so a doubled step costs 1."""

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        length = (fit.edges.square().sum(-1) + 1e-8).sqrt()
        return (length / fit.scales.mesh_step - 1).square(), None


class SmoothAcross(WindingLoss):
    """Bend across windings: |(right - self) - (self - left)|^2, pixels squared."""

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        return fit.halves.diff(dim=1).square().sum(-1), None


class SmoothAlong(WindingLoss):
    """Bend along a winding: the squared second difference over rows, pixels squared."""

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        return fit.edges.diff(dim=1).square().sum(-1), None


class LinkChange(WindingLoss):
    """Change of the links from row to row, pixels squared, mean of both halves."""

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        return fit.halves.diff(dim=2).square().sum(-1), None


class Angle(WindingLoss):
    """Squared cosine of the angle between row edges and links: 0 when they are orthogonal."""

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        edge, link = fit.edges[:, None], fit.halves[:, :, :-1]
        scale = edge.square().sum(-1) * link.square().sum(-1) + 1e-8
        return (edge * link).sum(-1).square() / scale, None


class MeanPosition(WindingLoss):
    """Squared distance of the mean vertex from where it was when the stage began."""

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        return (fit.xy.mean((1, 2)) - fit.anchor).square().sum(-1), None


class Contrast(WindingLoss):
    """Pulls the amplitude to 1 and the bias to 0."""

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        return (fit.amp - 1).square() + fit.bias.square(), None


class ModulationSmooth(WindingLoss):
    """Squared change of amplitude and bias from row to row."""

    honours_masks: ClassVar[bool] = True

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        change = fit.amp.diff(dim=2).square() + fit.bias.diff(dim=2).square()
        return change, pair_min(fit.gate(term, fit.valid, fit.xy), 2)


class SlicesStraight(WindingLoss):
    """Each slice lies half-way between its neighbours, in slice steps squared; 0 below 3 slices."""

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        if fit.xy.shape[0] < 3:
            return 0 * fit.xy.sum(-1), None
        bend = fit.xy[1:-1] - 0.5 * (fit.xy[:-2] + fit.xy[2:])
        return bend.square().sum(-1) / fit.scales.slice_step**2, None


class SlicesLinked(WindingLoss):
    """Squared distance of a vertex to itself in the next slice, in windings; 0 for one slice.

    Holds the slices to one layer while nothing else tells layers apart. It also pulls at layers
    that lean from slice to slice, so it has to be weak where the data are to decide.
    """

    def errors(self, fit: FitResult, term: str) -> tuple[Tensor, Tensor | None]:
        if fit.xy.shape[0] < 2:
            return 0 * fit.xy.sum(-1), None
        return fit.xy.diff(dim=0).square().sum(-1) / fit.scales.winding_step**2, None
