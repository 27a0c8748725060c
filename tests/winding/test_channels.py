"""What a fit refuses to read."""

import numpy as np
import pytest
from launch.experiments.winding.channels import MAPS, Channels, flag_gaps
from launch.experiments.winding.synthetic import Spiral, spiral

from launch.errors import LaunchError


def maps() -> dict[str, np.ndarray]:
    return {key: np.ones((1, 6, 8), np.float32) for key in MAPS}


def test_maps_stack_in_order() -> None:
    assert Channels(**{**maps(), "valid": np.zeros((1, 6, 8))}).stack()[:, 4].max() == 0


def test_nan_in_a_channel_is_named() -> None:
    bad = maps()
    bad["density"][0, 2, 2] = np.nan
    with pytest.raises(LaunchError, match="channel density has 1 NaN"):
        Channels(**bad)


def test_shapes_must_agree() -> None:
    with pytest.raises(LaunchError, match=r"channel dir1 is \(1, 6, 7\)"):
        Channels(**{**maps(), "dir1": np.ones((1, 6, 7))})


def test_gaps_that_claim_to_be_valid_are_found_by_their_missing_direction() -> None:
    scroll = spiral(Spiral(size=128, radius=150, silent_gaps=2, noise=0.1), 0)
    assert scroll.truth is not None
    found, hidden = flag_gaps(scroll).valid, scroll.truth.valid == 0
    assert scroll.valid.min() == 1
    assert found[hidden].mean() < 0.1
    assert found[~hidden].mean() > 0.9
