"""Height from normals, against surfaces whose slopes are known."""

import numpy as np
import pytest
import torch

from launch.experiments.pbr.relief import integrated, relief_of, slopes_of
from launch.experiments.pbr.shading import normals_of
from launch.experiments.pbr.synthetic import material

SIDE = 64


def relief(height, strength=2.0):
    normals = torch.from_numpy(normals_of(height, strength)).permute(2, 0, 1)[None].float()
    return relief_of(normals)[0, 0]


def alike(first, second) -> float:
    return float(np.corrcoef(np.ravel(first), np.ravel(second))[0, 1])


@pytest.mark.parametrize("axis", [0, 1])
def test_waves_rise_where_they_are_high(axis):
    places = np.indices((SIDE, SIDE))[axis]
    height = np.sin(2 * np.pi * 4 * places / SIDE)
    assert alike(relief(height), height) > 0.98


def test_bumps_of_a_crop():
    """The picture does not tile: a bump is cut by the border."""
    y, x = np.indices((SIDE, SIDE))
    height = np.exp(-((y - 20) ** 2 + (x - 2) ** 2) / 40) - np.exp(
        -((y - 45) ** 2 + (x - 40) ** 2) / 40
    )
    assert alike(relief(height, 8.0), height) > 0.9


@pytest.mark.parametrize("torus", [(True, True), (True, False), (False, True)])
def test_where_a_picture_is_a_whole_period_a_shift_shifts_its_relief(torus):
    maps = material(0, "stone", "clean", SIDE)
    normals = torch.from_numpy(maps["normal"]).permute(2, 0, 1)[None].float()
    shift = [19 * whole for whole in torus]
    found = integrated(slopes_of(normals), torus, SIDE)
    shifted = integrated(slopes_of(normals.roll(shift, (-2, -1))), torus, SIDE)
    torch.testing.assert_close(shifted, found.roll(shift, (-2, -1)), atol=1e-4, rtol=0)
    assert alike(found, maps["height"]) > 0.7


def test_steeper_normals_are_the_same_relief():
    height = np.random.default_rng(0).random((SIDE, SIDE)).repeat(2, 0).repeat(2, 1)[:SIDE, :SIDE]
    gentle, steep = relief(height, 0.5), relief(height, 1.5)
    assert float((gentle - steep).abs().mean()) < 0.1 * float(gentle.abs().mean())


def test_flat_normals_are_no_relief():
    assert torch.equal(relief(np.zeros((SIDE, SIDE))), torch.zeros(SIDE, SIDE))
