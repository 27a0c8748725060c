"""A Gaussian blur, against scipy's and closed forms."""

import pytest
import torch
from scipy.ndimage import gaussian_filter

from launch.tools.blur import gaussian


@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_it_is_scipy_s(sigma):
    images = torch.rand(2, 3, 24, 30, dtype=torch.float64)
    expected = gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode="mirror", truncate=4)
    got = gaussian(images, sigma, cut_off=4)
    torch.testing.assert_close(got, torch.from_numpy(expected), atol=2e-4, rtol=0)


def test_a_flat_picture_stays_and_no_width_changes_nothing():
    flat = torch.full((1, 1, 5, 9), 0.3)
    torch.testing.assert_close(gaussian(flat, 4.0), flat)
    images = torch.rand(1, 1, 4, 4)
    assert gaussian(images, 0) is images


def test_variances_add_up():
    point = torch.zeros(1, 1, 61, 61, dtype=torch.float64)
    point[..., 30, 30] = 1
    twice = gaussian(gaussian(point, 3.0, 5), 4.0, 5)
    torch.testing.assert_close(twice, gaussian(point, 5.0, 5), atol=1e-5, rtol=0)


def test_gradients_pass_through():
    images = torch.rand(1, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gaussian(x, 1.0), images)
