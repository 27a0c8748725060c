"""Slips found without knowing the truth."""

import math
from dataclasses import replace

import pytest
import torch

from launch.experiments.winding.confidence import confidence
from launch.experiments.winding.geometry import Scales
from launch.experiments.winding.mesh import Mesh


def fitted(shift: torch.Tensor | float = 0.0, blank: slice = slice(0, 0)):
    """A mesh of 13 rows on upright layers, its rows moved to the right by `shift` pixels."""
    mesh = Mesh((120, 120), rows=13, columns=7, scales=Scales(mesh_step=9.9))
    with torch.no_grad():
        mesh.mesh_ms[0][:, 0] += torch.as_tensor(shift).reshape(-1, 1)
    x = torch.arange(120.0) - 59.5
    cosine = (0.5 + 0.5 * torch.cos(2 * math.pi * x / 10)).repeat(120, 1)
    cosine[blank] = 0.5
    ones = torch.ones(120, 120)
    dir1 = (0.5 + 0.5 * math.cos(math.pi / 4)) * ones
    return mesh(torch.stack([cosine, 0.1 * ones, ones, dir1, ones])[None])


def test_a_fit_on_its_layers_is_trusted() -> None:
    found = confidence(fitted())
    assert found.winding.min() == 1 and found.suspected_slips == 0
    assert found.phase[:, :, 1:-1].abs().max() < 0.01
    assert found.phase.abs().max() < 0.2  # edge columns see half a winding


def test_the_phase_is_the_distance_to_the_layer() -> None:
    found = confidence(fitted(2.5))
    assert found.phase[0, 6, 3].abs() == pytest.approx(math.pi / 2, abs=0.1)


def test_a_column_that_crosses_to_the_next_layer_is_suspected() -> None:
    crossing = 10 * torch.linspace(-0.2, 1.2, 13).clamp(0, 1)
    found = confidence(fitted(crossing))
    assert found.suspected_slips > 0.2
    assert found.winding.max() < 0.9


def test_where_the_data_say_nothing_there_is_no_phase_and_no_confidence() -> None:
    found = confidence(fitted(blank=slice(0, 40)))
    assert found.phase[0, 0].isnan().all()
    assert found.suspected_slips == 0
    assert found.winding.max() == pytest.approx(10 / 13)  # smoothing reaches one row in


@pytest.mark.parametrize("windings", [-2, -1, 1, 2])
def test_a_block_of_rows_on_another_layer_is_suspected_though_each_row_is_in_phase(
    windings: int,
) -> None:
    shift = torch.zeros(13)
    shift[9:] = 10.0 * windings
    found = confidence(fitted(shift))
    assert found.suspected_slips == pytest.approx(4 / 13, abs=0.02)
    assert (found.turns[:, 9:] == windings).all() and (found.turns[:, :9] == 0).all()
    assert found.winding.max() < 0.75


def test_a_column_that_jumps_alone_is_suspected_alone() -> None:
    fit = fitted()
    xy = fit.xy.detach().clone()
    xy[0, 4:7, 3, 0] += 10
    found = confidence(replace(fit, xy=xy))
    assert (found.turns[0, 4:7, 3] == 1).all() and found.turns.abs().sum() == 3
