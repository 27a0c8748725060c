"""How many windings a mesh crosses where it should cross none, found without knowing the truth.

The layer density along the layer normal is the gradient of the winding position, so its integral
along an edge of the mesh is the number of windings crossed: 0 along a column, 1 from a column to
the next. What is left over is summed from the middle of the mesh outwards, along the paths on which
the maps are surest: valid, with a clear direction, and beside cells around which the integral
closes, for at the edge of a gap that was filled wrongly it does not. What the maps are not sure of
counts as it should be, and the phase of the cosine corrects the
sum on the way. This is phase unwrapping guided by quality (Ghiglia and Pritt, 1998, chapter 4).
Symbols: N slices, R rows, C columns, S samples per segment.
"""

import math

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from launch.experiments.winding.geometry import FitResult
from launch.masks.scheduled import sample

# Costs of an edge: of its own, where nothing is known, and if it seems to cross whole windings,
# which is taken where no better path leads around: one bad edge does not spoil what is behind it.
LENGTH, UNSURE, JUMP = 0.05, 6.0, 2.0


@torch.no_grad()
def turns(fit: FitResult, phase: Tensor) -> Tensor:
    """Whole windings between the layer of each vertex and that of the middle rows, (N, R, C).

    The three middle rows decide by their median, as in the comparison with the truth. `phase` is
    (N, R, C) in radians, NaN where it is not known; there the number is only a guess.
    """
    right = torch.gradient(fit.xy, dim=2)[0]
    aside = 0.5 * (right[:, 1:] + right[:, :-1])
    along, sure_along = crossed(fit, fit.xy[:, :-1], fit.xy[:, 1:], aside)
    links = fit.xy[:, :, 1:] - fit.xy[:, :, :-1]
    across, sure_across = crossed(fit, fit.xy[:, :, :-1], fit.xy[:, :, 1:], links)
    closing = 1 - (along.diff(dim=2) - across.diff(dim=1)).abs().clamp_max(1)  # (N, R-1, C-1)
    closed = beside(closing, 2), beside(closing, 1)
    known = sure_along, sure_across
    costs = [UNSURE * (1 - k) + 1 - c for k, c in zip(known, closed, strict=True)]
    over = sure_along * closed[0] * along, sure_across * closed[1] * (across - 1)
    parts = zip(*over, *costs, phase / (2 * math.pi), strict=True)
    found = [unwrapped(*(part.cpu().double().numpy() for part in slice_)) for slice_ in parts]
    return torch.from_numpy(np.stack(found)).to(phase)


def crossed(fit: FitResult, start: Tensor, stop: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Windings crossed from `start` to `stop` (N, r, c, 2), and how sure that is in [0, 1].

    The normal has no sign; it is taken along `right`.
    """
    share = torch.linspace(0, 1, fit.scales.samples + 1, device=start.device)
    step = stop - start
    points = start[:, None] + share.view(-1, 1, 1, 1) * step[:, None]
    density, dir0, dir1, valid = sample(fit.maps[:, 1:], points).unbind(1)  # (N, S+1, r, c)
    cos = 2 * dir0 - 1
    sin = cos - math.sqrt(2) * (2 * dir1 - 1)
    angle = 0.5 * torch.atan2(sin, cos)
    normal = torch.stack([angle.cos(), angle.sin()], -1)
    sign = torch.where((normal * right[:, None]).sum(-1) < 0, -1.0, 1.0)
    rate = density * fit.scales.downscale * (normal * step[:, None]).sum(-1) * sign
    known = (valid * torch.hypot(cos, sin).clamp_max(1)).mean(1)
    return torch.trapezoid(rate, share, dim=1), known


def beside(cells: Tensor, dim: int) -> Tensor:
    """The smaller of the two cells at every edge; `dim` is the one in which edges are one more."""
    pad = (1, 1) if dim == 2 else (0, 0, 1, 1)
    padded = torch.nn.functional.pad(cells, pad, value=1.0)
    count = padded.shape[dim] - 1
    return torch.minimum(padded.narrow(dim, 0, count), padded.narrow(dim, 1, count))


def unwrapped(
    along: np.ndarray,
    across: np.ndarray,
    cost_along: np.ndarray,
    cost_across: np.ndarray,
    offset: np.ndarray,
) -> np.ndarray:
    """Whole windings at each vertex (R, C), summed along the cheapest paths from the middle.

    Args:
        along, across: windings too many on the edges (R-1, C) and (R, C-1).
        cost_along, cost_across: of those edges.
        offset: (R, C) how far a vertex is from its layer, in windings; NaN where unknown.
    """
    rows, columns = offset.shape
    place = np.arange(rows * columns).reshape(rows, columns)
    first = np.concatenate([place[:-1].ravel(), place[:, :-1].ravel()])
    second = np.concatenate([place[1:].ravel(), place[:, 1:].ravel()])
    over = np.concatenate([along.ravel(), across.ravel()])
    known = offset.ravel()
    whole_over = np.abs(np.rint(np.nan_to_num(over - (known[second] - known[first]))))
    cost = LENGTH + np.concatenate([cost_along.ravel(), cost_across.ravel()])
    cost = cost + JUMP * np.minimum(whole_over, 1)
    size = (rows * columns,) * 2
    graph = coo_array((cost, (first, second)), shape=size).tocsr()
    step = coo_array((over, (first, second)), shape=size)
    steps = (step - step.T).todok()
    root = int(place[rows // 2, columns // 2])
    distance, before = dijkstra(graph, directed=False, indices=root, return_predecessors=True)
    total, whole = np.zeros(rows * columns), np.zeros(rows * columns)
    for vertex in np.argsort(distance, kind="stable"):
        if vertex != root:
            total[vertex] = total[before[vertex]] + steps.get((before[vertex], vertex), 0.0)
        if np.isfinite(known[vertex]):
            whole[vertex] = np.rint(total[vertex] - known[vertex])
            total[vertex] = whole[vertex] + known[vertex]
        else:
            whole[vertex] = np.rint(total[vertex])
    found = whole.reshape(rows, columns)
    return found - np.median(found[max(0, rows // 2 - 1) : rows // 2 + 2])
