import math

import pytest
import torch
from launch.experiments.smoke.metrics import RolloutMetrics, background, grey, psnr, radial_spectrum


def plume(shift: int = 0, level: float = 0.8) -> torch.Tensor:
    """A square of smoke that moves a pixel right each frame (1, 4, 24, 24)."""
    frames = torch.zeros(1, 4, 24, 24)
    for t in range(4):
        frames[0, t, 10:14, 4 + t + shift : 8 + t + shift] = level
    return frames


def measured(generated: torch.Tensor, floor: torch.Tensor | None = None, velocity=None):
    truth = plume()
    last = plume(-1)[:, 0]
    metrics = RolloutMetrics()
    metrics.update(generated, truth, last, truth if floor is None else floor, velocity)
    return metrics.results()


def test_the_truth_is_perfect():
    found = measured(plume()[:, None].repeat(1, 3, 1, 1, 1))
    ones = ("mass_ratio", "coverage_ratio", "soft_iou", "temporal_ratio", "flicker_ratio")
    zeros = ("rmse_smoke", "background_energy", "false_smoke_rate", "crps", "spectrum_distance")
    assert all(found[name] == pytest.approx(1) for name in ones)
    assert all(found[name] == pytest.approx(0, abs=1e-6) for name in zeros)
    assert "probability_bias" not in found, "there was no open question"


def test_errors_count_where_there_is_true_smoke_only():
    generated = plume()[:, None].clone()
    generated[..., 0, 0] = 0.9
    found = measured(generated)
    assert found["rmse_smoke"] == 0 and found["background_energy"] > 0


def test_persistence_and_the_best_sample_are_told_apart():
    samples = torch.stack([plume(), torch.zeros(1, 4, 24, 24)], 1)
    found = measured(samples)
    assert found["rmse_smoke_best"] == 0
    assert found["rmse_smoke"] == pytest.approx(0.8 / math.sqrt(2))
    assert found["rmse_smoke_mean"] == pytest.approx(0.4)
    assert 0 < found["rmse_smoke_persistence"] < 0.8


def test_twice_the_smoke_has_twice_the_mass():
    twice = plume() + plume().roll(8, -2)
    assert measured(twice[:, None])["mass_ratio"] == pytest.approx(2)
    assert measured(plume(level=0.4)[:, None])["mass_ratio"] == pytest.approx(0.5)


def test_smoke_that_comes_early_or_near_is_not_background():
    far = background(plume(), plume(-1)[:, 0])
    assert not far[0, 0, 12, 10 + 2], "smoke will be there two frames later, or three pixels off"
    assert far[0, 0, 0, 0] and far[0, 0, 12, 20]


def test_the_energy_of_the_autoencoder_alone_is_taken_off():
    haze = plume() + 0.1
    found = measured(haze[:, None], floor=haze)
    assert found["background_energy"] == pytest.approx(0, abs=1e-6)


def test_velocity_advects_the_last_frame_to_the_truth():
    velocity = torch.zeros(1, 5, 2, 24, 24)
    velocity[:, :, 0] = 1
    found = measured(plume()[:, None], velocity=velocity)
    assert found["rmse_smoke_advected"] == pytest.approx(0, abs=1e-5)


def test_too_many_forecasts_of_smoke_are_a_positive_bias():
    with_smoke = plume() + 0.5 * (plume().roll(8, -2) > 0)
    assert measured(torch.stack([with_smoke] * 2, 1))["probability_bias"] == pytest.approx(1)


def test_the_probability_score_prefers_the_right_spread():
    truth = plume()
    wrong = torch.stack([truth * 0] * 4, 1)
    unsure = torch.stack([truth, truth, truth * 0, truth * 0], 1)
    assert measured(unsure)["crps"] < measured(wrong)["crps"]


def test_a_clip_without_smoke_leaves_its_metrics_out():
    black = torch.zeros(1, 3, 8, 8)
    metrics = RolloutMetrics()
    metrics.update(black[:, None], black, black[:, 0], black)
    found = metrics.results()
    assert "rmse_smoke" not in found and "mass_ratio" not in found
    assert found["background_energy"] == 0


def test_fine_detail_is_at_high_frequencies():
    fine = torch.zeros(1, 16, 16)
    fine[:, :, ::2] = 1
    coarse = torch.zeros(1, 16, 16)
    coarse[:, :, :8] = 1
    assert radial_spectrum(coarse).argmax() == 0
    assert radial_spectrum(fine)[:3].max() < 1e-6


def test_psnr_and_grey():
    assert psnr(0.01) == pytest.approx(20)
    assert grey(torch.ones(2, 3, 4, 4)).shape == (2, 4, 4)
