"""Mip levels: sizes, light instead of numbers, normals of length 1."""

import numpy as np
import pytest

from launch.experiments.pbr import mipmaps
from launch.experiments.pbr.mipmaps import chain


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((8, 4), [(8, 4), (4, 2), (2, 1), (1, 1)]),
        ((5, 12), [(5, 12), (2, 6), (1, 3), (1, 1)]),
        ((1, 1), [(1, 1)]),
    ],
)
def test_levels_are_halved_to_one_pixel(size, expected):
    levels = chain(np.zeros((*size, 4), np.uint8), "number")
    assert [level.shape for level in levels] == [(*s, 4) for s in expected]


def checkers(first, second):
    image = np.empty((4, 4, 4), np.uint8)
    image[...] = first
    image[::2, ::2] = image[1::2, 1::2] = second
    return image


def test_colours_are_averaged_as_light_and_alpha_as_it_is():
    """Black and white give half the light, which sRGB stores as 188."""
    level = chain(checkers([0, 0, 0, 0], [255, 255, 255, 255]), "colour")[1]
    np.testing.assert_array_equal(level, np.broadcast_to([188, 188, 188, 128], (2, 2, 4)))


def test_numbers_are_averaged_as_they_are():
    level = chain(checkers([0, 10, 20, 30], [255, 20, 20, 90]), "number")[1]
    np.testing.assert_array_equal(level[0, 0], [128, 15, 20, 60])


def test_normals_get_length_one_again():
    """The mean of two normals that lean left and right points up, at full length."""
    level = chain(checkers([218, 128, 218, 255], [37, 128, 218, 255]), "normal")[1]
    np.testing.assert_allclose(level[0, 0], [128, 128, 255, 255], atol=1)


def test_colours_survive_the_way_to_light_and_back():
    levels = np.arange(256) / 255
    np.testing.assert_allclose(mipmaps.srgb_of(mipmaps.linear_of(levels)), levels, atol=1e-6)


def test_bands_change_nothing(monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (64, 32, 4), np.uint8)
    whole = chain(image, "colour")
    monkeypatch.setattr(mipmaps, "BAND", 16)
    for first, second in zip(whole, chain(image, "colour"), strict=True):
        np.testing.assert_array_equal(first, second)
