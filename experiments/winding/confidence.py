"""How far a fit can be trusted where there is no truth: its phase, and what it crosses.

Around each vertex the cosine map, read over one winding along the mesh, is compared with the
target. The angle of `z = sum (cos - .5) exp(-2 pi i u)`, u in windings from the column, is 0 where
the column lies on a layer. Which layer that is, the windings crossed on the way from the middle of
the mesh say, see `launch.experiments.winding.crossings`.
Symbols: N slices, R rows, C columns, S samples per segment.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from launch.experiments.winding.crossings import turns as windings_crossed
from launch.experiments.winding.geometry import FitResult
from launch.experiments.winding.metrics import in_image

IN_PHASE = math.pi / 3  # a sixth of a winding
LEAST = 0.25  # of the amplitude of a perfect cosine; below, the data say nothing


@dataclass(frozen=True)
class Confidence:
    """What the data say about each column.

    Attributes:
        phase: (N, R, C) angle in (-pi, pi]; NaN where the data say nothing.
        turns: (N, R, C) whole windings between the layer of a vertex and that of the middle.
        winding: (N, C) share of the rows in the image that are in phase on the right layer, in
            [0, 1]; in air and gaps nothing speaks for a row.
        suspected_slips: rows-times-columns with `turns` other than 0, as a share of the readable.
    """

    phase: Tensor
    turns: Tensor
    winding: Tensor
    suspected_slips: float


@torch.no_grad()
def confidence(fit: FitResult) -> Confidence:
    """Phase of every vertex, and what follows from it for every winding."""
    reading = demodulate(fit)
    strength = smooth_rows(reading.abs())
    inside = in_image(fit.xy, fit.image_size)
    readable = (strength > LEAST) & inside
    phase = torch.where(readable, smooth_rows(reading).angle(), torch.nan)
    turns = windings_crossed(fit, phase)
    good = (phase.abs() < IN_PHASE) & (turns == 0)
    rows = inside.sum(1).clamp_min(1)
    slipped = (turns != 0) & readable
    share = float(slipped.sum()) / max(int(readable.sum()), 1)
    return Confidence(phase, turns, good.sum(1) / rows, share)


def demodulate(fit: FitResult) -> Tensor:
    """z at every vertex, 1 for a perfect layer, (N, R, C) complex; edge columns see half a winding.

    Where fewer than half of the samples are valid it is 0.
    """
    samples = fit.scales.samples
    cosine, valid = (values[:, 0, ::samples] for values in fit.fine)
    columns = fit.xy.shape[2]
    place = torch.arange(cosine.shape[2], device=cosine.device) / samples
    offset = place - torch.arange(columns, device=cosine.device)[:, None]  # (C, fine columns)
    near = (offset.abs() < 0.5 + 1e-6).float() * torch.where(offset.abs() > 0.499, 0.5, 1.0)
    wave = torch.polar(near, -2 * math.pi * offset)
    weight = valid @ near.T
    level = (cosine * valid) @ near.T / weight.clamp_min(1e-6)
    carried = torch.complex(cosine * valid, torch.zeros_like(cosine)) @ wave.T
    pedestal = torch.complex(valid, torch.zeros_like(valid)) @ wave.T
    reading = 4 * (carried - level * pedestal) / weight.clamp_min(1e-6)
    return torch.where(weight > 0.5 * near.sum(1), reading, torch.zeros_like(reading))


def smooth_rows(values: Tensor) -> Tensor:
    """Mean over three rows, the border repeated."""
    padded = torch.cat([values[:, :1], values, values[:, -1:]], 1)
    return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
