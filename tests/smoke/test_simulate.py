import numpy as np
import torch

from launch.experiments.smoke.simulate import advect, project, simulate


def test_a_clip_depends_on_its_seed_and_number_only():
    three = simulate(3, 4, 24, seed=1, regime="uncertain")
    last = simulate(1, 4, 24, seed=1, regime="uncertain", first=2)
    np.testing.assert_allclose(three.opacity[2].astype(int), last.opacity[0].astype(int), atol=1)
    assert (three.opacity[0] != three.opacity[1]).any()


def test_the_background_is_exactly_black_and_the_smoke_is_not_everywhere():
    opacity = simulate(6, 8, 24, seed=0, regime="determined").opacity
    assert 0.05 < (opacity > 0).mean() < 0.5
    assert not ((opacity > 0) & (opacity < 0.02 * 255 - 1)).any()


def test_the_uncertain_future_differs_more_from_an_extrapolation_of_the_past():
    def surprise(regime):
        x = simulate(8, 10, 24, seed=0, regime=regime).opacity.astype(float)
        return np.abs(x[:, 2:] - 2 * x[:, 1:-1] + x[:, :-2]).mean() / x.mean()

    assert surprise("uncertain") > 1.3 * surprise("determined")


def test_in_a_storm_smoke_drifts_further_to_the_same_side():
    calm, stormy = (simulate(6, 6, 24, 0, "determined", storm=s).opacity for s in (0.0, 0.6))
    columns = np.arange(24)
    middles = [
        (x[:, -1].astype(float).sum(1) @ columns) / x[:, -1].sum((1, 2)) for x in (calm, stormy)
    ]
    first = (calm[:, 0].astype(float).sum(1) @ columns) / calm[:, 0].sum((1, 2))
    drifts = [middle - first for middle in middles]
    assert np.abs(drifts[1]).mean() > 1.3 * np.abs(drifts[0]).mean()
    assert np.corrcoef(*drifts)[0, 1] > 0.5


def test_the_projected_velocity_has_no_divergence_and_stays_when_projected_again():
    velocity = project(torch.randn(2, 2, 16, 16))
    torch.testing.assert_close(project(velocity), velocity, atol=1e-5, rtol=0)
    kx, ky = torch.fft.rfftfreq(16)[None], torch.fft.fftfreq(16)[:, None]
    u, v = torch.fft.rfft2(velocity).unbind(1)
    inner = (kx * u + ky * v)[:, 1:8, 1:8]  # the highest frequency has no derivative
    assert inner.abs().max() < 1e-4


def test_advection_by_a_pixel_moves_by_a_pixel():
    field = torch.rand(1, 1, 6, 8)
    right = torch.stack([torch.ones(6, 8), torch.zeros(6, 8)])[None]
    moved = advect(field, right)
    torch.testing.assert_close(moved[..., 1:], field[..., :-1])
    assert moved[..., 0].abs().max() < 1e-5
