import pytest
import pytorch_msssim
import torch

from launch.errors import ConfigError
from launch.losses.structural import MSSSIM, SSIM


def pair(*size: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(size, generator=generator)
    return (target + 0.2 * torch.randn(size, generator=generator)).clamp(0, 1), target


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_agrees_with_the_library(channels: int):
    pred, target = pair(2, channels, 19, 24)
    expected = 1 - pytorch_msssim.ssim(pred, target, data_range=1.0)
    assert SSIM()(pred, target).item() == pytest.approx(expected.item(), abs=1e-6)


def test_a_full_mask_changes_nothing():
    pred, target = pair(1, 3, 16, 16)
    full = torch.ones(1, 1, 16, 16)
    assert torch.allclose(SSIM()(pred, target, full), SSIM()(pred, target))


def test_excluded_pixels_neither_cost_nor_get_a_gradient():
    pred, target = pair(1, 1, 24, 24)
    mask = torch.zeros(1, 1, 24, 24)
    mask[..., :12] = 1
    pred[..., :12] = target[..., :12]
    pred.requires_grad_()
    value = SSIM()(pred, target, mask)
    assert value.item() == pytest.approx(0, abs=1e-6)
    pred.data += 0.1
    SSIM()(pred, target, mask).backward()
    assert pred.grad[..., :12].abs().sum() > 0
    assert pred.grad[..., 12:].abs().sum() == 0


def test_images_in_bfloat16_do_not_lose_the_variance():
    _, target = pair(1, 1, 16, 16)
    dim = (0.9 + 0.01 * target).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert SSIM()(dim, dim).item() == pytest.approx(0, abs=1e-5)


def test_msssim_agrees_with_the_library():
    pred, target = pair(1, 1, 161, 161)
    expected = 1 - pytorch_msssim.ms_ssim(pred, target, data_range=1.0)
    assert MSSSIM()(pred, target).item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize(("loss", "smallest"), [(SSIM(), 11), (MSSSIM(), 161)])
def test_too_small_an_image_is_named_with_the_smallest_size(loss: torch.nn.Module, smallest: int):
    small = torch.rand(1, 1, 200, smallest - 1)
    with pytest.raises(ConfigError, match=f"at least {smallest} x {smallest} .* got 200 x"):
        loss(small, small)


def test_opposite_images_have_finite_gradients():
    target = torch.rand(1, 1, 161, 161)
    pred = (1 - target).requires_grad_()
    MSSSIM()(pred, target).backward()
    assert pred.grad.isfinite().all()
