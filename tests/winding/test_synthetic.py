"""Spirals whose truth is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from launch.experiments.winding.channels import flag_gaps
from launch.experiments.winding.synthetic import Spiral, spiral

from launch.errors import ConfigError

CLEAN = Spiral(size=96, radius=120, warp=0, noise=0)


def test_the_same_seed_gives_the_same_scroll() -> None:
    settings = Spiral(size=64, radius=100, silent_gaps=2)
    assert np.array_equal(spiral(settings, 3).stack(), spiral(settings, 3).stack())
    assert not np.array_equal(spiral(settings, 3).cosine, spiral(settings, 4).cosine)


def test_layers_are_where_the_winding_position_is_whole() -> None:
    scroll = spiral(CLEAN, 0)
    expected = 0.5 + 0.5 * np.cos(2 * math.pi * scroll.truth.winding)
    assert np.abs(scroll.cosine - expected).max() < 1e-4


def test_density_times_pitch_times_downscale_is_one() -> None:
    scroll = spiral(replace(CLEAN, downscale=4.0), 0)
    assert np.median(scroll.density) * 10 * 4 == pytest.approx(1, rel=0.02)
    assert scroll.pitch() == pytest.approx(10, rel=0.02)


def test_silent_gaps_claim_to_be_valid_and_flagged_ones_do_not() -> None:
    silent = spiral(replace(CLEAN, silent_gaps=3), 1)
    flagged = spiral(replace(CLEAN, flagged_gaps=3), 1)
    assert silent.valid.min() == 1 and silent.truth.valid.min() == 0
    assert flagged.valid.min() == 0
    hidden = silent.truth.valid == 0
    assert silent.cosine[hidden].std() < 0.5 * silent.cosine[~hidden].std()


def test_wrong_gaps_are_as_sure_as_the_rest_of_a_direction_that_is_not_there() -> None:
    whole = spiral(Spiral(size=128, radius=120, noise=0), 0)
    wrong = spiral(Spiral(size=128, radius=120, noise=0, wrong_gaps=2), 0)
    assert wrong.truth is not None
    inside = wrong.truth.valid == 0
    assert 0.005 < inside.mean() < 0.2
    assert np.abs(wrong.dir0 - whole.dir0)[inside].mean() > 0.1
    assert np.abs(wrong.dir0 - whole.dir0)[~inside].mean() < 0.01
    assert flag_gaps(wrong).valid[inside].mean() > 0.8


def test_decoys_add_ridges_and_fusions_lose_them() -> None:
    clean = spiral(CLEAN, 2).cosine
    decoy, fused = (spiral(replace(CLEAN, **{k: 2}), 2).cosine for k in ("decoys", "fusions"))
    assert decoy.mean() > clean.mean()
    assert np.abs(fused - clean).max() > 0.5


def test_slices_share_the_sheet_and_drift() -> None:
    scroll = spiral(replace(CLEAN, slices=3, warp=2.0), 0)
    assert scroll.cosine.shape == (3, 96, 96)
    assert 0 < np.abs(scroll.truth.winding[2] - scroll.truth.winding[0]).max() < 0.5


def test_a_sheet_folded_over_itself_is_an_error() -> None:
    with pytest.raises(ConfigError, match="fold the sheet"):
        spiral(replace(CLEAN, warp=30.0, warp_length=10.0), 0)


def test_the_centre_must_lie_outside_the_image() -> None:
    with pytest.raises(ConfigError, match="centre inside the image"):
        Spiral(size=256, radius=100)
