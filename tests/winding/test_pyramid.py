"""Coarse-to-fine sums of grids."""

import pytest
import torch
from launch.experiments.winding.pyramid import rebuild, shapes, split, zeros


def test_levels_halve_down_to_two() -> None:
    assert shapes(33, 7) == [(33, 7), (17, 4), (9, 2), (5, 2), (3, 2)]


@pytest.mark.parametrize("shape", [(33, 7), (32, 8), (2, 2), (81, 7), (5, 40)])
def test_splitting_and_rebuilding_gives_the_grid_back(shape: tuple[int, int]) -> None:
    grid = 100 * torch.rand(2, 2, *shape)
    assert torch.allclose(rebuild(split(grid)), grid, atol=1e-4)


def test_a_coarse_level_moves_everything_together() -> None:
    levels = zeros(1, 2, 33, 7)
    levels[-1] += 3.0
    assert torch.allclose(rebuild(levels), torch.full((1, 2, 33, 7), 3.0))
