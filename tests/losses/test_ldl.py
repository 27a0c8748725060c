import pytest
import torch
import torch.nn.functional as F

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


def released(pred, target, ema):
    """The loss of the authors' repository, a window and an image at a time."""
    residual = (target - pred).abs().sum(1, keepdim=True)
    averaged = (target - ema).abs().sum(1, keepdim=True)
    padded = F.pad(residual, (3, 3, 3, 3), mode="reflect")
    rows = []
    for image in range(len(pred)):
        patch = residual[image].var() ** (1 / 5)
        windows = padded[image, 0].unfold(0, 7, 1).unfold(1, 7, 1)
        rows.append(patch * windows.var(dim=(-1, -2)))
    weight = torch.stack(rows)[:, None] * (residual >= averaged)
    return F.l1_loss(weight * pred, weight * target)


def gradients(loss):
    pred, target, ema = images()
    pred.requires_grad_()
    value = loss(pred, target, ema)
    return value.detach(), torch.autograd.grad(value, pred)[0]


def test_value_and_gradient_are_those_of_the_released_code():
    for ours, theirs in zip(gradients(LDL()), gradients(released), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-9)


def test_a_detached_map_is_a_constant_for_the_gradient():
    pred, target, ema = images()
    weight = artifact_map(pred, target, ema)
    value, gradient = gradients(LDL(detach_map=True))
    assert torch.equal(value, gradients(LDL())[0])
    assert torch.allclose(gradient, weight * (pred - target).sign() / pred.numel(), atol=1e-9)
    assert not torch.allclose(gradient, gradients(LDL())[1], rtol=0.5)


def test_a_perfect_prediction_has_finite_gradients():
    _, target, ema = images()
    pred = target.clone().requires_grad_()
    LDL()(pred, target, ema).backward()
    assert torch.equal(pred.grad, torch.zeros_like(target))
