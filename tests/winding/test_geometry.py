"""What the loss terms read of a straight mesh, in closed form."""

import math

import pytest
import torch

from launch.experiments.winding.geometry import Scales, refine, strip_weights
from launch.experiments.winding.mesh import Mesh

SAMPLES = 4


@pytest.fixture(scope="module")
def fit():
    """A mesh of 5 rows and 3 columns, 10 pixels apart, whose columns lie on the cosine's tops."""
    mesh = Mesh((80, 80), rows=5, columns=3, scales=Scales(samples=SAMPLES))
    x = torch.arange(80.0) - 39.5
    cosine = (0.5 + 0.5 * torch.cos(2 * math.pi * x / 10)).repeat(80, 1)
    ones = torch.ones(80, 80)
    maps = torch.stack([cosine, 0.1 * ones, 0.75 * ones, 0.25 * ones, ones])[None]
    with torch.no_grad():
        return mesh(maps)


def test_edges_are_a_mesh_step_along_the_rows_and_halves_a_winding_step_across(fit):
    torch.testing.assert_close(fit.edges, torch.tensor([0.0, 10.0]).expand(1, 4, 3, 2))
    inner = fit.halves[:, :, :, 1]
    torch.testing.assert_close(inner, torch.tensor([10.0, 0.0]).expand_as(inner))


def test_the_fine_mesh_keeps_every_vertex(fit):
    assert fit.xy_hr.shape == (1, 4 * SAMPLES + 1, 2 * SAMPLES + 1, 2)
    torch.testing.assert_close(fit.xy_hr[:, ::SAMPLES, ::SAMPLES], fit.xy)


def test_the_target_has_one_period_per_column(fit):
    expected = torch.tensor([1, 0.5, 0, 0.5, 1, 0.5, 0, 0.5, 1])
    torch.testing.assert_close(fit.target_plain.flatten(), expected)


def test_a_mesh_on_its_layers_has_no_residual(fit):
    # Bilinear samples of the cosine between pixels are at most (2 pi / 10)^2 / 16 too low.
    assert fit.residual().max() < (math.pi**2 / 400) ** 2 * 2


def test_modulation_scales_about_the_middle_and_stays_in_range(fit):
    bounded = fit.bias[0, 0, 0, 0] + fit.amp[0, 0, 0, 0] * (fit.target_plain - 0.5)
    torch.testing.assert_close(fit.target_mod[:, :, :1], bounded.clamp(0, 1))


def test_a_strip_goes_from_the_left_neighbour_over_the_vertex_to_the_right(fit):
    left, own, right = fit.xy_conn[0, 2, 1]
    strip = fit.strip[0, :, 2, 1]
    torch.testing.assert_close(strip[[0, SAMPLES, -1]], torch.stack([left, own, right]))
    torch.testing.assert_close(strip.diff(dim=0), (own - left).div(SAMPLES).expand(8, 2))


def test_directions_and_validity_are_those_of_the_maps(fit):
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    expected = torch.tensor([0.75, 0.25]).view(1, 2, 1, 1)
    torch.testing.assert_close(fit.directions[inner], expected.expand(1, 2, 3, 1))
    assert fit.valid[inner].min() == 1
    torch.testing.assert_close(fit.gate("gradmag", fit.valid, fit.xy), fit.valid)


def test_halves_beyond_the_edge_columns_do_not_count(fit):
    assert fit.inner[:, 0].tolist() == [[0, 1, 1], [1, 1, 0]]


def test_refining_a_plane_is_exact():
    y, x = torch.meshgrid(torch.arange(3.0), torch.arange(4.0), indexing="ij")
    fine = refine((2 * y + x)[None, None], 5)[0, 0]
    assert fine.shape == (11, 16)
    y, x = torch.meshgrid(torch.arange(11) / 5, torch.arange(16) / 5, indexing="ij")
    torch.testing.assert_close(fine, 2 * y + x)


def test_strip_weights_are_a_partition():
    weights = strip_weights(2, torch.device("cpu"))
    expected = [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1]]
    assert weights.tolist() == expected
