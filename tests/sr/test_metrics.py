"""The metrics of the papers, against closed forms, a second library and known differences."""

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from launch.experiments.sr.metrics import luma, psnr_y, ssim_y
from launch.experiments.sr.resize import downscale, quantise, upscale
from tests.sr.test_resize import imresize


def test_luma_of_black_white_and_the_primaries():
    """ITU-R BT.601 for digital video: 16 to 235."""
    colours = torch.tensor([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    got = luma(colours[:, :, None, None]).flatten()
    torch.testing.assert_close(got, torch.tensor([16.0, 235.0, 81.481, 144.553, 40.966]))


def test_psnr_of_one_grey_level():
    """A grey step of 1/255 moves luma by 219/255: 10 log10((255 * 255 / 219)²) = 49.45 dB."""
    target = torch.full((2, 3, 16, 16), 100 / 255)
    expected = torch.full((2,), 49.452)
    torch.testing.assert_close(psnr_y(target + 1 / 255, target, 4), expected, atol=1e-3, rtol=0)


def test_a_grey_file_counts_by_its_own_levels():
    """As the papers have it: a step of 1/255 is 20 log10(255) = 48.13 dB, 1.32 dB less."""
    target = torch.full((1, 3, 16, 16), 100 / 255)
    got = psnr_y(target + 1 / 255, target, 4, grey=True)
    torch.testing.assert_close(got, torch.tensor([48.1308]), atol=1e-3, rtol=0)
    grey = torch.rand(1, 1, 16, 16).expand(-1, 3, -1, -1)
    torch.testing.assert_close(luma(grey, grey=True), grey[:, :1] * 255, atol=1e-3, rtol=0)


def test_ssim_of_grey_is_that_of_its_levels():
    target = (torch.rand(1, 1, 24, 24) * 255).round() / 255
    pred = (target + 0.05 * torch.randn_like(target)).clamp(0, 1)
    eight_bits = [(x * 255).round()[0, 0].double().numpy() for x in (pred, target)]
    expected = structural_similarity(
        *eight_bits, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    pair = [x.expand(-1, 3, -1, -1) for x in (pred, target)]
    assert ssim_y(*pair, 0, grey=True).item() == pytest.approx(expected, abs=1e-4)


def test_psnr_of_equal_images_is_infinite():
    image = torch.rand(1, 3, 16, 16)
    assert psnr_y(image, image, 2).isinf().all()


def test_the_border_does_not_count():
    target = torch.rand(1, 3, 24, 24)
    pred = target.clone()
    pred[..., :4, :] = 0
    pred[..., -4:] = 0
    assert psnr_y(pred, target, 4).isinf().all() and not psnr_y(pred, target, 3).isinf().any()
    assert ssim_y(pred, target, 4) == 1 and ssim_y(pred, target, 3) < 1


def test_the_prediction_counts_as_the_8_bit_file_it_becomes():
    target = (torch.rand(1, 3, 24, 24) * 255).round() / 255
    assert psnr_y(target + 0.4 / 255, target, 0).isinf().all()
    pred = torch.where(target > 0.5, 2.0, -1.0)
    torch.testing.assert_close(psnr_y(pred, target, 0), psnr_y(pred.clamp(0, 1), target, 0))


def test_one_value_per_image():
    pred, target = torch.rand(3, 3, 32, 32), torch.rand(3, 3, 32, 32)
    for metric in (psnr_y, ssim_y):
        one_by_one = [metric(pred[i : i + 1], target[i : i + 1], 4) for i in range(3)]
        torch.testing.assert_close(metric(pred, target, 4), torch.cat(one_by_one))


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.5])
def test_ssim_is_that_of_wang_2004_as_scikit_image_has_it(noise):
    torch.manual_seed(0)
    target = torch.rand(1, 3, 12, 16).repeat_interleave(4, -1).repeat_interleave(4, -2)
    pred = target + noise * torch.randn_like(target)
    eight_bits = [luma((x.clamp(0, 1) * 255).round() / 255)[0, 0].double() for x in (pred, target)]
    expected = structural_similarity(
        *[x[4:-4, 4:-4].numpy() for x in eight_bits],
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim_y(pred, target, 4).item() == pytest.approx(expected, abs=1e-4)


def test_ssim_needs_a_window():
    image = torch.rand(1, 3, 18, 19)
    assert ssim_y(image, image, 3).item() == pytest.approx(1)
    with pytest.raises(ValueError, match="needs 11 pixels inside the border, got 10x11"):
        ssim_y(image, image, 4)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_by_the_protocol_of_the_papers_written_out(scale):
    """Cut to a multiple, MATLAB's imresize down and up with 8 bits after each, Y of BT.601 without
    rounding, s pixels of border left out: in NumPy, beside the product's own path."""
    random = np.random.default_rng(0)
    image = cv2.resize(random.integers(0, 256, (9, 11, 3), np.uint8), (89, 71), interpolation=2)
    high = image[: 71 - 71 % scale, : 89 - 89 % scale].transpose(2, 0, 1).astype(float)
    low = levels(imresize(torch.from_numpy(high), 1 / scale))
    large = levels(imresize(low, scale)).numpy()
    weights = np.array([65.481, 128.553, 24.966]) / 255
    error = np.tensordot(weights, large - high, 1)[scale:-scale, scale:-scale]
    expected = 10 * np.log10(255**2 / np.square(error).mean())

    cut = torch.from_numpy(high.astype(np.float32))[None] / 255
    enlarged = upscale(quantise(downscale(cut, scale)), scale)
    torch.testing.assert_close(psnr_y(enlarged, cut, scale).item(), expected, atol=1e-3, rtol=0)


def levels(images):
    """MATLAB's uint8: rounded half away from 0, and clipped."""
    return torch.floor(images + 0.5).clamp(0, 255)
