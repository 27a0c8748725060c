"""Slips found without knowing the truth."""

import math

import pytest
import torch
from launch.experiments.winding.confidence import confidence
from launch.experiments.winding.mesh import Mesh


def fitted(shift: torch.Tensor | float = 0.0, blank: slice = slice(0, 0)):
    """A mesh of 13 rows on upright layers, its rows moved to the right by `shift` pixels."""
    mesh = Mesh((120, 120), frac_rows=0.99, frac_columns=0.5)
    with torch.no_grad():
        mesh.mesh_ms[0][:, 0] += torch.as_tensor(shift).reshape(-1, 1)
    x = torch.arange(120.0) - 59.5
    cosine = (0.5 + 0.5 * torch.cos(2 * math.pi * x / 10)).repeat(120, 1)
    cosine[blank] = 0.5
    flat = torch.full((120, 120), 0.5)
    ones = torch.ones(120, 120)
    return mesh(torch.stack([cosine, 0.1 * ones, ones, flat, ones])[None])


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


def test_where_the_data_say_nothing_there_is_no_phase() -> None:
    found = confidence(fitted(blank=slice(0, 40)))
    assert found.phase[0, 0].isnan().all()
    assert found.winding.min() == 1  # of what can be read
