import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from launch.errors import ConfigError
from launch.experiments.smoke.weighting import (
    SmokeWeighting,
    View,
    WeightedMSE,
    brightest,
    calibrated_threshold,
    otsu,
    parts,
    score,
)
from launch.schedules import Points

BLACK = torch.zeros(1, 2, 4, 4)


def view(latent_at: tuple[int, int] | None = None, length: float = 1.0) -> View:
    """A black frame, but for one cell of smoke."""
    latent, frame = torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 8, 8)
    if latent_at:
        row, column = latent_at
        latent[0, 0, row, column] = length
        frame[0, :, 2 * row, 2 * column] = length
    return View(latent, frame)


# Weights


def test_weights_of_one_are_the_plain_mean_squared_error_bit_for_bit():
    pred, target = torch.randn(3, 5, 8, 8, requires_grad=True), torch.randn(3, 5, 8, 8)
    mask = (torch.rand(3, 1, 8, 8) > 0.5).float()
    weighted = WeightedMSE()(pred, target, SmokeWeighting(1.0, 1.0).weights(mask, 0))
    plain = F.mse_loss(pred, target)
    assert weighted.item() == plain.item()
    gradients = [torch.autograd.grad(loss, pred)[0] for loss in (weighted, plain)]
    assert torch.equal(*gradients)


def test_disabled_is_the_plain_mean_squared_error_whatever_the_weights():
    pred, target = torch.randn(3, 5, 8, 8), torch.randn(3, 5, 8, 8)
    mask = (torch.rand(3, 1, 8, 8) > 0.5).float()
    weights = SmokeWeighting(10.0, 0.0, enabled=False).weights(mask, 0)
    assert WeightedMSE()(pred, target, weights).item() == F.mse_loss(pred, target).item()


def test_smoke_counts_five_times_and_the_mean_is_not_divided_by_the_weights():
    mask = torch.tensor([1.0, 0.0, 0.0, 0.0]).view(1, 1, 2, 2)
    pred, target = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    assert WeightedMSE()(pred, target, SmokeWeighting().weights(mask, 0)).item() == 2.0
    normalised = SmokeWeighting(normalize="weights").weights(mask, 0)
    assert WeightedMSE()(pred, target, normalised).item() == 1.0


def test_a_weight_may_ramp():
    weighting = SmokeWeighting(smoke_weight=Points([[0, 1], [100, 5]]))
    assert [weighting.pair(i)[0] for i in (0, 50, 100, 900)] == [1, 3, 5, 5]


def test_nothing_to_learn_is_an_error():
    with pytest.raises(ConfigError, match="both 0"):
        SmokeWeighting(0, 0)


def test_parts_are_means_over_smoke_and_background():
    mask = torch.tensor([1.0, 0.0, 0.0, 0.0]).view(1, 1, 2, 2)
    error = parts(torch.full((1, 2, 2, 2), 2.0), torch.zeros(1, 2, 2, 2) + mask, mask)
    assert {k: v.item() for k, v in error.items()} == {
        "unweighted": 3.25,
        "smoke": 1,
        "background": 4,
    }


def test_parts_of_a_frame_without_smoke_are_finite():
    error = parts(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    assert error["smoke"].item() == 0 and error["background"].item() == 1


# Masks


def test_the_threshold_moves_the_smoke_ratio():
    smoke = view((1, 1), length=0.15)
    ratios = [
        SmokeWeighting(smoke_threshold=t).mask(smoke, view(), BLACK).mean() for t in (0.1, 0.15)
    ]
    assert [float(r) for r in ratios] == [1 / 16, 0.0], "strictly above"


@pytest.mark.parametrize(
    ("source", "cells"), [("target", 1), ("reference", 9), ("union", 10)], ids=str
)
def test_the_mask_comes_from_the_target_the_grown_reference_or_both(source, cells):
    weighting = SmokeWeighting(mask_source=source)
    assert weighting.mask(view((3, 3)), view((1, 1)), BLACK).sum() == cells


def test_a_norm_finds_no_smoke_where_black_is_not_the_origin_but_the_distance_does():
    black = torch.full((1, 2, 4, 4), 1.5)
    latent = black.clone()
    latent[0, :, 2, 2] = 0.2
    seen = View(latent, view((2, 2)).frame)
    by_norm = SmokeWeighting(mask_mode="latent_norm").cells(seen, black)
    by_distance = SmokeWeighting(mask_mode="black_distance").cells(seen, black)
    assert by_norm.mean() == 1 and by_distance.sum() == 1 and by_distance[0, 0, 2, 2] == 1
    assert torch.equal(SmokeWeighting(mask_mode="pixel").cells(seen, black), by_distance)


def test_an_all_black_latent_has_no_smoke_by_distance_and_by_pixel():
    black = torch.randn(1, 2, 4, 4)
    seen = View(black.clone(), torch.zeros(1, 3, 8, 8))
    for mode in ("black_distance", "pixel"):
        assert SmokeWeighting(mask_mode=mode).cells(seen, black).sum() == 0


def test_the_brightest_pixel_of_a_cell_counts():
    assert brightest(view((0, 3)).frame, BLACK)[0, 0, 0, 3] == 1
    assert score("pixel", view((0, 3)), BLACK).sum() == 1


# Calibration


def test_an_automatic_threshold_lets_two_percent_of_the_black_cells_pass():
    scores = torch.linspace(0, 1, 1001).view(1, 1, 1, -1)
    assert calibrated_threshold(scores, torch.zeros_like(scores)) == pytest.approx(0.98)


def test_without_black_cells_the_threshold_parts_two_classes():
    scores = torch.cat([torch.full((50,), 1.0), torch.full((30,), 5.0)]).view(1, 1, 1, -1)
    assert 1 < calibrated_threshold(scores, torch.ones_like(scores)) < 5
    assert otsu(np.full(4, 2.0)) == pytest.approx(2.0, abs=0.51)


def test_calibration_sets_an_automatic_threshold_once_and_leaves_a_given_one():
    frames = View(torch.rand(2, 2, 4, 4), torch.zeros(2, 3, 8, 8))
    automatic, given = SmokeWeighting(smoke_threshold="auto"), SmokeWeighting(smoke_threshold=0.3)
    for weighting in (automatic, given):
        weighting.calibrate(frames, BLACK)
    threshold = automatic.threshold.item()
    assert 0 < threshold < math.sqrt(2) and given.threshold.item() == pytest.approx(0.3)
    automatic.calibrate(View(frames.latent * 9, frames.frame), BLACK)
    assert automatic.threshold.item() == threshold


@pytest.mark.parametrize(
    ("ratio", "said"), [(0.2, ""), (0.01, "too high"), (0.6, "too low"), (1.0, "everything")]
)
def test_unlikely_ratios_are_reported(ratio, said):
    warnings = SmokeWeighting().warnings(ratio, 0.17)
    assert said in warnings[0] if said else not warnings


# What the weights do


def sampled_smoke(smoke: float, background: float, share: float = 0.2) -> float:
    """Share of smoke in samples of the exact flow that a target-driven weighting learns.

    One cell that is black (0) or smoke (2), blurred by 0.05, with the probability `share` of
    smoke; the velocity that minimises the weighted loss is known in closed form.
    """
    x, sigma, blur = np.random.default_rng(0).standard_normal(4000), 1e-3, 0.05
    centres, prior = np.array([0.0, 2.0]), np.array([1 - share, share]) * [background, smoke]
    for t in np.linspace(0, 1, 100, endpoint=False):
        rest = 1 - (1 - sigma) * t
        variance = rest**2 + (t * blur) ** 2
        posterior = prior * np.exp(-((x[:, None] - t * centres) ** 2) / (2 * variance))
        posterior /= posterior.sum(1, keepdims=True)
        frame = centres + t * blur**2 / variance * (x[:, None] - t * centres)
        noise = (x[:, None] - t * frame) / rest
        x = x + (posterior * (frame - (1 - sigma) * noise)).sum(1) / 100
    return float((x > 1).mean())


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (5, 1), (10, 1)], ids=str)
def test_weights_driven_by_the_target_tilt_what_is_sampled(weights):
    """A fifth of the futures has smoke; 5:1 makes it 56 %, without any error of the network."""
    smoke, background = weights
    tilted = smoke * 0.2 / (smoke * 0.2 + background * 0.8)
    assert sampled_smoke(smoke, background) == pytest.approx(tilted, abs=0.03)


def test_weights_driven_by_the_reference_cancel():
    """Given the reference, the weight is one number for all futures: nothing is tilted."""
    assert sampled_smoke(5, 5) == sampled_smoke(1, 1)
