"""Normals, occlusion and light of height maps whose answers are known."""

import numpy as np
import pytest

from launch.experiments.pbr import shading
from launch.experiments.pbr.shading import STUDIO, Light, bake, normals_of, occlusion_of, relight

SIZE = 64


def flat(**maps):
    """A flat grey surface that does not shine, with other maps."""
    plane = np.ones((SIZE, SIZE))
    plain = {
        "albedo": 0.5 * np.ones((SIZE, SIZE, 3)),
        "normal": np.dstack([0 * plane, 0 * plane, plane]),
        "roughness": plane, "metallic": 0 * plane, "ao": plane,
    }  # fmt: skip
    return plain | maps


def test_a_plane_has_upright_normals_and_no_occlusion():
    height = np.full((SIZE, SIZE), 0.3)
    np.testing.assert_allclose(normals_of(height, 8), flat()["normal"])
    np.testing.assert_allclose(occlusion_of(height), 1)


def test_a_wave_has_the_normals_of_its_slope():
    x = 2 * np.pi * np.arange(SIZE) / SIZE
    found = normals_of(np.tile(np.sin(x), (SIZE, 1)), strength=3)
    slope = 3 * np.cos(x) * np.sin(x[1])  # central difference of a sine
    expected = np.stack([-slope, 0 * x, np.ones(SIZE)], -1) / np.hypot(1, slope)[:, None]
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-9)


def test_up_is_up():
    rising = np.tile(np.linspace(1, 0, SIZE)[:, None], (1, SIZE))  # higher rows are higher up
    assert (normals_of(rising, 8)[SIZE // 2, :, 1] < 0).all()


def test_a_pit_is_darker_than_its_rim_and_never_black():
    height = np.ones((SIZE, SIZE))
    height[28:36, 28:36] = 0
    found = occlusion_of(height)
    assert found[32, 32] < 0.5 < found[0, 0] == pytest.approx(1, abs=0.02)
    assert found.min() >= 0.15


def test_a_rough_flat_surface_is_baked_evenly():
    light = Light((np.pi / 2, np.pi / 2), ambient=0.4, direct=0.5, occlusion=1, highlight=0)
    found = bake(np.random.default_rng(0), flat(), light)
    np.testing.assert_allclose(found, 0.5 * (0.4 + 0.5) + 0.04 * 0.25)


def test_occlusion_darkens_the_ambient_part_alone():
    light = Light((np.pi / 2, np.pi / 2), ambient=0.4, direct=0.5, occlusion=2, highlight=0)
    found = bake(np.random.default_rng(0), flat(ao=np.full((SIZE, SIZE), 0.5)), light)
    np.testing.assert_allclose(found, 0.5 * (0.4 * 0.25 + 0.5) + 0.04 * 0.25)


def test_a_mirror_is_brightest_where_it_reflects_the_light_up():
    polished = flat(roughness=np.full((SIZE, SIZE), 0.2))
    direction = np.array([0, 0, 1.0])
    facing = shading._ggx(polished["normal"], polished["roughness"], direction)
    tilted = np.broadcast_to([0.6, 0, 0.8], polished["normal"].shape)
    assert (facing > 3 * shading._ggx(tilted, polished["roughness"], direction)).all()
    assert facing.max() <= 4


def test_what_is_baked_and_weathered_is_a_picture():
    random = np.random.default_rng(1)
    found = shading.weather(random, bake(random, flat(), STUDIO))
    assert found.shape == (SIZE, SIZE, 3)
    assert found.min() >= 0 and found.max() <= 1


def test_relighting_a_flat_surface_is_one_factor_per_channel():
    found = relight(np.random.default_rng(2), flat())
    assert np.ptp(found, axis=(0, 1)).max() < 1e-12
    factors = found[0, 0] / 0.5  # 0.4 + 0.6 sin(elevation), elevation from 0.6 to 1.3, cast 5 %
    assert (0.4 + 0.6 * np.sin(0.6)) * 0.95 <= factors.min()
    assert factors.max() <= (0.4 + 0.6 * np.sin(1.3)) * 1.05
