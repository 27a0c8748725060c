"""Maps of a plain grey picture."""

import math

import numpy as np
import pytest
from launch.experiments.winding.structure import channels, typical_pitch
from launch.experiments.winding.synthetic import Spiral, spiral

from launch.errors import ConfigError


def stripes(pitch: float = 12.0, angle: float = 0.4, size: int = 160) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size]
    along = x * math.cos(angle) + y * math.sin(angle)
    return (0.5 + 0.5 * np.cos(2 * math.pi * along / pitch)).astype(np.float32)


def test_pitch_is_measured_from_the_spectrum() -> None:
    assert typical_pitch(stripes(12.0)) == pytest.approx(12, rel=0.1)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.5, 2.6])
def test_straight_layers_give_their_phase_density_and_direction(angle: float) -> None:
    picture = stripes(angle=angle)
    found = channels(picture)
    inner = (0, slice(30, -30), slice(30, -30))
    assert np.abs(found.cosine[inner] - picture[inner[1:]]).mean() < 0.06
    assert found.density[inner].mean() * 12 == pytest.approx(1, rel=0.1)
    assert found.dir0[inner].mean() == pytest.approx(0.5 + 0.5 * math.cos(2 * angle), abs=0.02)
    shifted = 0.5 + 0.5 * math.cos(2 * angle + math.pi / 4)
    assert found.dir1[inner].mean() == pytest.approx(shifted, abs=0.02)


def test_density_is_per_full_resolution_pixel() -> None:
    found = channels(stripes(24.0, size=320), downscale=2.0)
    assert found.size == (160, 160)
    assert found.density[0, 60:100, 60:100].mean() * 24 == pytest.approx(1, rel=0.1)


def test_a_spiral_comes_out_as_its_own_maps() -> None:
    scroll = spiral(Spiral(size=128, radius=150, noise=0.05, warp=2), 0)
    found = channels(scroll.cosine[0])
    inner = (0, slice(20, -20), slice(20, -20))
    phase = np.abs(
        found.cosine[inner] - (0.5 + 0.5 * np.cos(2 * np.pi * scroll.truth.winding[inner]))
    )
    assert phase.mean() < 0.12


def test_air_around_the_scroll_is_invalid() -> None:
    picture = stripes()
    picture[:, 80:] = 0
    found = channels(picture, pitch=12.0)
    assert found.valid[0, :, :70].mean() > 0.99
    assert found.valid[0, :, 110:].max() == 0


def test_layers_too_close_to_tell_apart_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"lower data\.downscale"):
        channels(stripes(), downscale=8.0, pitch=12.0)


def test_a_wide_gap_between_two_layers_is_one_winding() -> None:
    """Layers at 20, 32, 44, 80, 92, ...: no phantom layer in the air between 44 and 80."""
    places = np.array([*range(20, 50, 12), *range(80, 150, 12)])
    across = np.exp(-0.5 * ((np.arange(160)[:, None] - places) / 2) ** 2).sum(1)
    found = channels(np.repeat(across[:, None], 160, 1).astype(np.float32), pitch=12.0)
    cosine, density = found.cosine[0, :, 80], found.density[0, :, 80]
    assert cosine[places[1:-1]] == pytest.approx(1, abs=0.05)
    assert cosine[62] == pytest.approx(0, abs=0.05)
    assert density[44:81].sum() == pytest.approx(1, abs=0.15)
