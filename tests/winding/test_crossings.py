"""Windings summed along the surest paths of a small mesh."""

import math

import numpy as np
import torch

from launch.experiments.winding.crossings import beside, crossed, turns, unwrapped
from launch.experiments.winding.geometry import Scales
from launch.experiments.winding.mesh import Mesh

ROWS, COLUMNS = 5, 3
NOWHERE = np.full((ROWS, COLUMNS), np.nan)


def edges(fill=0.0):
    """Values of the edges along the rows, and across."""
    return np.full((ROWS - 1, COLUMNS), fill), np.full((ROWS, COLUMNS - 1), fill)


def fitted(density=0.1):
    """An upright mesh on layers 10 pixels apart, with the normal along x."""
    mesh = Mesh((80, 80), rows=ROWS, columns=COLUMNS, scales=Scales(mesh_step=10))
    ones = torch.ones(80, 80)
    dir1 = (0.5 + 0.5 * math.cos(math.pi / 4)) * ones
    with torch.no_grad():
        return mesh(torch.stack([ones, density * ones, ones, dir1, ones])[None])


def test_one_winding_lies_between_columns_and_none_along_a_column():
    fit = fitted()
    right = torch.tensor([1.0, 0.0])
    across, sure = crossed(fit, fit.xy[:, :, :-1], fit.xy[:, :, 1:], right.expand(1, 5, 2, 2))
    torch.testing.assert_close(across, torch.ones(1, 5, 2))
    torch.testing.assert_close(sure, torch.ones(1, 5, 2))
    along, _ = crossed(fit, fit.xy[:, :-1], fit.xy[:, 1:], right.expand(1, 4, 3, 2))
    torch.testing.assert_close(along, torch.zeros(1, 4, 3))


def test_a_mesh_on_its_layers_has_no_turns():
    fit = fitted()
    assert not turns(fit, torch.zeros(1, ROWS, COLUMNS)).any()


def test_an_edge_takes_the_less_sure_of_its_two_cells():
    cells = torch.tensor([[[0.2, 0.8]]])
    torch.testing.assert_close(beside(cells, 2), torch.tensor([[[0.2, 0.2, 0.8]]]))
    torch.testing.assert_close(beside(cells, 1), torch.tensor([[[0.2, 0.8], [0.2, 0.8]]]))


def test_a_step_of_one_winding_stays_with_every_row_behind_it():
    along, across = edges()
    along[2] = 1  # between the third and the fourth row
    found = unwrapped(along, across, *edges(), NOWHERE)
    assert found.tolist() == [[0] * 3] * 3 + [[1] * 3] * 2


def test_one_bad_edge_is_led_around():
    along, across = edges()
    along[2, 1] = 1
    assert not unwrapped(along, across, *edges(), np.zeros((ROWS, COLUMNS))).any()


def test_an_expensive_edge_is_led_around_too():
    along, across = edges()
    along[2, 1], (cost, cost_across) = 0.4, edges()
    cost[2, 1] = 6
    assert not unwrapped(along, across, cost, cost_across, NOWHERE).any()


def test_the_phase_corrects_what_the_sum_drifts():
    along, across = edges()
    along[:] = 0.3  # 0.6 of a winding in two rows, which would round to one
    drifting = unwrapped(along, across, *edges(), NOWHERE)
    assert drifting[-1].tolist() == [1] * 3
    assert not unwrapped(along, across, *edges(), np.zeros((ROWS, COLUMNS))).any()
