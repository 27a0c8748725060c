"""How far a fit can be trusted where there is no truth: phase jumps along the rows.

Around each vertex the cosine map, read over one winding along the mesh, is compared with the
target. The angle of `z = sum (cos - .5) exp(-2 pi i u)`, u in windings from the column, is 0 where
the column lies on a layer. A column that crosses from one layer to the next turns it once around.
Symbols: N slices, R rows, C columns, S samples per segment.
"""

import math
from dataclasses import dataclass

import torch
from launch.experiments.winding.geometry import FitResult
from torch import Tensor

IN_PHASE = math.pi / 3  # a sixth of a winding
LEAST = 0.25  # of the amplitude of a perfect cosine; below, the data say nothing


@dataclass(frozen=True)
class Confidence:
    """What the data say about each column.

    Attributes:
        phase: (N, R, C) angle in (-pi, pi]; NaN where the data say nothing.
        turns: (N, R, C) whole windings crossed since the central row.
        winding: (N, C) share of rows that are in phase on an uncrossed layer, in [0, 1].
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
    readable = strength > LEAST
    phase = torch.where(readable, smooth_rows(reading).angle(), torch.nan)
    turns = crossed(phase)
    good = (phase.abs() < IN_PHASE) & (turns == 0)
    rows = readable.sum(1).clamp_min(1)
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


def crossed(phase: Tensor) -> Tensor:
    """Whole turns of the phase since the central row, along each column; NaN rows add nothing."""
    rows = phase.shape[1]
    filled = phase.clone()
    for row in range(1, rows):
        filled[:, row] = torch.where(phase[:, row].isnan(), filled[:, row - 1], phase[:, row])
    filled = filled.nan_to_num(0.0)
    jumps = torch.zeros_like(filled)
    step = filled.diff(dim=1)
    jumps[:, 1:] = -torch.round(step / (2 * math.pi))
    turns = jumps.cumsum(1)
    return turns - turns[:, rows // 2 : rows // 2 + 1]
