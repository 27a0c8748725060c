import pytest
import torch

from launch.losses.ldl import LDL, artifact_map


def images(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A prediction, its target, and an averaged prediction that is better everywhere."""
    target = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    noise = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(seed + 1))
    return target + 0.1 * noise, target, target + 0.05 * noise


def reference_map(pred: torch.Tensor, target: torch.Tensor, ema: torch.Tensor) -> torch.Tensor:
    """The paper's weight, window by window."""
    residual, averaged = ((target - image).abs().sum(1, keepdim=True) for image in (pred, ema))
    mirrored = torch.nn.functional.pad(residual, (3, 3, 3, 3), mode="reflect")
    local = mirrored.unfold(2, 7, 1).unfold(3, 7, 1).var(dim=(-1, -2))
    weight = local * residual.var(dim=(1, 2, 3), keepdim=True) ** 0.2
    weight[residual < averaged] = 0
    return weight


def test_the_weight_is_the_papers():
    pred, target, ema = images()
    expected = reference_map(pred, target, ema)
    assert torch.allclose(artifact_map(pred, target, ema), expected, atol=1e-7)
    assert LDL()(pred, target, ema).item() == pytest.approx(
        (expected * (pred - target).abs()).mean().item(), rel=1e-4
    )


def test_where_the_network_beats_its_average_nothing_is_punished():
    pred, target, _ = images()
    worse = target + 3 * (pred - target)
    assert LDL()(pred, target, worse) == 0


def test_an_overshoot_costs_more_than_the_same_error_everywhere():
    target = torch.full((1, 3, 16, 16), 0.5)
    shifted, spike = target + 1 / 256, target.clone()
    spike[..., 8, 8] += 1
    assert LDL()(shifted, target, target).item() == pytest.approx(0, abs=1e-9)
    assert LDL()(spike, target, target) > 1e-6


def test_the_weight_is_a_constant_for_the_gradient():
    pred, target, ema = images()
    pred.requires_grad_()
    LDL()(pred, target, ema).backward()
    weight = artifact_map(pred.detach(), target, ema)
    expected = weight * (pred.detach() - target).sign() / pred.numel()
    assert torch.allclose(pred.grad, expected, atol=1e-9)


def test_a_perfect_prediction_has_finite_gradients():
    _, target, ema = images()
    pred = target.clone().requires_grad_()
    LDL()(pred, target, ema).backward()
    assert torch.equal(pred.grad, torch.zeros_like(target))
