"""Geometry: normals turn with the picture, and all maps move together."""

import numpy as np
import pytest

from launch.experiments.pbr.geometry import flatten, resize, turn, warp
from launch.experiments.pbr.layers import CLEAN, DEPTH, PLACES, pack, unpack
from launch.experiments.pbr.shading import normals_of
from launch.experiments.pbr.synthetic import material

SIDE = 32
A_LEVEL = 1.01 / 255
NORMAL = PLACES["normal"]


@pytest.fixture
def planes():
    return list(pack(material(0, "stone", CLEAN, SIDE)))


def image(planes, name):
    """One map, (H, W, C) in [0, 1]."""
    return unpack(np.stack(planes))[name]


@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("mirror_x", [False, True])
@pytest.mark.parametrize("mirror_y", [False, True])
def test_turned_normals_are_the_normals_of_the_turned_height(quarter, mirror_x, mirror_y):
    height = material(1, "leather", CLEAN, SIDE)["height"]
    maps = {"diffuse": np.zeros((SIDE, SIDE, 3)), "height": height}
    turned = turn(
        list(pack(maps | {"normal": normals_of(height, 5.0)})), quarter, mirror_x, mirror_y
    )
    moved = image(turned, "height")[..., 0]
    expected = np.rot90(height, quarter)
    expected = expected[:: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    normals = normals_of(expected, 5.0)
    np.testing.assert_allclose(image(turned, "normal"), normals, atol=2.5 / 255)


def test_resized_normals_have_length_one(planes):
    for side in (17, 64):
        resized = list(np.empty((DEPTH, side, side), np.uint8))
        resize(planes, resized)
        assert image(resized, "height").shape == (side, side, 1)
        np.testing.assert_allclose(np.linalg.norm(image(resized, "normal"), axis=-1), 1, atol=1e-5)
        labels = PLACES["classes"].start
        assert set(np.unique(resized[labels])) <= set(np.unique(planes[labels]))


def test_a_warp_moves_all_maps_together(planes):
    ramp = np.tile(np.linspace(0, 1, SIDE)[:, None] * np.ones(SIDE), (1, 1))
    maps = {"diffuse": np.zeros((SIDE, SIDE, 3)), "height": ramp, "ao": ramp}
    moved = list(pack(maps))
    warp(np.random.default_rng(0), moved)
    np.testing.assert_allclose(image(moved, "height"), image(moved, "ao"), atol=A_LEVEL)
    assert 0 < np.abs(image(moved, "height")[..., 0] - ramp).max() < 0.1


def test_flat_normals_are_those_of_a_texture_that_has_none(planes):
    flatten(planes)
    without = pack({"diffuse": np.zeros((SIDE, SIDE, 3))})
    assert np.array_equal(planes[NORMAL], without[NORMAL])
