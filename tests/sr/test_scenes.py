"""Drawn scenes are reproducible and hold something to restore at every scale."""

import numpy as np
import pytest
from launch.experiments.sr.scenes import GROUNDS, LINES, SHAPES, scene


def test_a_scene_depends_on_its_numbers_alone():
    np.testing.assert_array_equal(scene(0, 3, 64), scene(0, 3, 64))
    assert not np.array_equal(scene(0, 3, 64), scene(0, 4, 64))
    assert not np.array_equal(scene(0, 3, 64), scene(1, 3, 64))


def test_scenes_are_rgb_of_the_asked_size_with_contrast():
    for number in range(6):
        pixels = scene(0, number, 96)
        assert pixels.shape == (96, 96, 3) and pixels.dtype == np.uint8
        assert pixels.std() > 10
        edges = np.abs(np.diff(pixels.astype(int), axis=1)).max(axis=2)
        assert (edges > 20).mean() > 0.01


@pytest.mark.parametrize("pattern", {*GROUNDS, *SHAPES, *LINES}, ids=lambda p: p.__name__)
def test_patterns_are_between_0_and_1_and_not_flat(pattern):
    drawn = [pattern(np.random.default_rng(seed), 64) for seed in range(8)]
    for picture in drawn:
        assert picture.shape == (64, 64) and picture.dtype == np.float32
        assert picture.min() >= 0 and picture.max() <= 1
    assert np.mean([picture.std() for picture in drawn]) > 0.05
