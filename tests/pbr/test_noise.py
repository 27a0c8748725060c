"""Fields on the torus: periodic, of known power and extent."""

import numpy as np
import pytest

from launch.experiments.pbr.noise import blur, cells, fractal, smoothstep, unit_range


def test_a_fractal_has_unit_variance_and_nothing_below_its_lowest_frequency():
    field = fractal(np.random.default_rng(0), 64, slope=2.0, lowest=4.0)
    assert (field.mean(), field.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
    power = np.abs(np.fft.fft2(field))
    assert power[0, :4].max() < 1e-6 < power[0, 4:].max()


def test_a_fractal_goes_on_over_its_edges():
    field = fractal(np.random.default_rng(0), 64, slope=3.0)
    inside = np.abs(np.diff(field, axis=0)).max()
    assert np.abs(field[0] - field[-1]).max() <= inside


def test_blur_over_the_edges_keeps_the_mean_and_has_its_width():
    point = np.zeros((64, 64))
    point[0, 0] = 1
    soft = blur(point, 3.0)
    assert soft.sum() == pytest.approx(1)
    offsets = np.minimum(np.arange(64), 64 - np.arange(64))
    assert np.sqrt((soft.sum(0) * offsets**2).sum()) == pytest.approx(3.0, rel=1e-3)


def test_cells_are_distances_on_the_torus():
    first, second, nearest = cells(np.random.default_rng(0), 32, count=5)
    assert (first <= second).all() and set(np.unique(nearest)) <= set(range(5))
    assert first.max() <= np.sqrt(5) / np.sqrt(2)  # half a diagonal, in mean cells


def test_ranges():
    assert unit_range(np.array([-9.0, 0.0, 9.0])).tolist() == [0, 0.5, 1]
    assert smoothstep(0, 2, np.array([-1.0, 1.0, 3.0])).tolist() == [0, 0.5, 1]
    assert smoothstep(2, 0, np.array([-1.0, 3.0])).tolist() == [1, 0]
