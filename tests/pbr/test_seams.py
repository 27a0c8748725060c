"""Tileability per axis, and how much a seam shows."""

import numpy as np
import pytest

from launch.experiments.pbr.seams import seam_ratios, wraps
from launch.experiments.pbr.synthetic import material

SIDE = 128


@pytest.fixture(scope="module")
def tiling() -> np.ndarray:
    return np.rint(material(0, "stone", "clean", SIDE)["diffuse"] * 255).astype(np.uint8)


def test_a_tiling_texture_tiles_in_both_axes(tiling):
    assert wraps(tiling) == (True, True)
    assert max(seam_ratios(tiling)) <= 1


def test_a_part_of_it_does_not(tiling):
    assert wraps(tiling[: SIDE // 2, : SIDE // 2]) == (False, False)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_trim_sheet_tiles_in_one_axis(tiling, axis):
    """Strips of two materials: across them it does not go on."""
    other = np.rint(material(1, "ground", "clean", SIDE)["diffuse"] * 255).astype(np.uint8)
    strips = np.concatenate([tiling[:50], other[:70]]).swapaxes(0, axis)
    assert wraps(strips) == ((False, True) if axis == 0 else (True, False))


def test_most_crops_do_not_tile(tiling):
    random = np.random.default_rng(0)
    found = []
    for seed, surface in enumerate(("stone", "wood", "ceramic", "ground", "metal")):
        image = material(seed, surface, "clean", SIDE)["diffuse"]
        for _ in range(12):
            side = int(random.integers(50, 90))
            y, x = random.integers(0, SIDE - side, 2)
            found.append(all(wraps(image[y : y + side, x : x + side])))
    assert sum(found) <= 3, f"{sum(found)} of {len(found)} crops are said to tile"


def test_a_ramp_shows_its_seam():
    ramp = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None].repeat(SIDE, 1)
    y, x = seam_ratios(ramp)
    assert y == pytest.approx(SIDE - 1, rel=1e-3)
    assert x == 0
