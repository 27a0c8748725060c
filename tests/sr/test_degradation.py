"""The parts of the two-stage degradation, and the whole."""

import cv2
import numpy as np
import pytest
from launch.experiments.sr.degradation import (
    RealWorldDegradation,
    bell_kernel,
    compressed,
    resized,
    sinc_kernel,
    with_gaussian_noise,
    with_poisson_noise,
)
from launch.experiments.sr.pairs import shrink

GREY = np.full((64, 64, 3), 0.5, np.float32)


def draw(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def high():
    """Soft grey clouds."""
    grid = draw().random((6, 7), np.float32)
    soft = cv2.resize(grid, (120, 96), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return np.stack([np.rint(soft * 255).astype(np.uint8)] * 3)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_low_resolution_has_the_exact_size(high, scale):
    for seed in range(8):
        low = RealWorldDegradation()(high, scale, draw(seed))
        assert low.shape == (3, 96 // scale, 120 // scale) and low.dtype == np.uint8
        assert low.flags.c_contiguous


def test_all_randomness_comes_from_the_generator(high):
    degrade = RealWorldDegradation()
    np.testing.assert_array_equal(degrade(high, 4, draw(3)), degrade(high, 4, draw(3)))
    assert not np.array_equal(degrade(high, 4, draw(3)), degrade(high, 4, draw(4)))


def test_the_picture_stays_where_it_was(high):
    low = np.mean([RealWorldDegradation()(high, 4, draw(seed)) for seed in range(32)], axis=0)
    clean = shrink(high, 4).astype(float)

    def likeness(shift):
        moved = np.roll(low, shift, axis=(1, 2))
        return np.corrcoef(moved[:, 2:-2, 2:-2].ravel(), clean[:, 2:-2, 2:-2].ravel())[0, 1]

    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    assert max(shifts, key=likeness) == (0, 0) and likeness((0, 0)) > 0.98


def test_the_mildest_settings_do_next_to_nothing(high):
    mild = RealWorldDegradation(
        blur=(0.1, 0.1),
        second_blur_probability=0,
        resize=(1, 1),
        second_resize=(1, 1),
        noise=(0, 0),
        second_noise=(0, 0),
        poisson=(0, 0),
        second_poisson=(0, 0),
        jpeg=(100, 100),
        sinc=0,
    )
    assert np.abs(mild(high, 4, draw(1)).astype(int) - shrink(high, 4)).mean() < 3


@pytest.mark.parametrize("plateau", [False, True])
def test_bell_kernels_sum_to_one_and_are_as_wide_as_asked(plateau):
    kernel = bell_kernel(21, 2.0, 1.0, np.pi / 2, 1.0, plateau)
    assert kernel.sum() == pytest.approx(1)
    y, x = np.mgrid[:21, :21] - 10
    assert (kernel * y**2).sum() > 1.5 * (kernel * x**2).sum()
    if not plateau:
        assert (kernel * y**2).sum() == pytest.approx(4, rel=0.01)


def test_sinc_kernel_passes_low_frequencies_and_stops_high_ones():
    spectrum = np.abs(np.fft.fft2(sinc_kernel(21, np.pi / 2), (64, 64)))
    assert spectrum[0, 0] == pytest.approx(1) and spectrum[0, 8] == pytest.approx(1, abs=0.15)
    assert spectrum[0, 28] < 0.1
    assert sinc_kernel(21, np.pi / 2).min() < 0


def test_gaussian_noise_has_its_standard_deviation():
    noise = with_gaussian_noise(GREY, 0.1, False, draw()) - GREY
    assert noise.std() == pytest.approx(0.1, rel=0.05) and abs(noise.mean()) < 0.005
    grey = with_gaussian_noise(GREY, 0.1, True, draw()) - GREY
    np.testing.assert_allclose(grey[..., 0], grey[..., 2], atol=1e-6)


def test_poisson_noise_grows_with_the_light():
    def spread(light):
        return with_poisson_noise(GREY * 2 * light, 1.0, False, draw()).std()

    assert spread(0.5) == pytest.approx((0.5 / 255) ** 0.5, rel=0.05)
    assert spread(0.8) == pytest.approx(2 * spread(0.2), rel=0.1)


def test_jpeg_keeps_colours_in_their_channels():
    red = np.zeros((16, 16, 3), np.float32)
    red[..., 0] = 1
    np.testing.assert_allclose(compressed(red, (95, 95), draw()), red, atol=0.03)


def test_resizing_stays_in_its_range_and_goes_down_most_often():
    widths = [resized(GREY, (64, 64), (0.5, 2.0), draw(seed)).shape[1] for seed in range(200)]
    assert min(widths) >= 32 and max(widths) <= 128
    assert np.mean(np.array(widths) < 64) == pytest.approx(0.7, abs=0.1)
    fixed = {resized(GREY, (64, 64), (0.5, 0.5), draw(seed)).shape for seed in range(5)}
    assert fixed == {(32, 32, 3)}


def test_a_reversed_range_is_refused():
    with pytest.raises(
        ValueError, match=r"degradation.jpeg must be \[least, most\], got \[95, 30\]"
    ):
        RealWorldDegradation(jpeg=(95, 30))
