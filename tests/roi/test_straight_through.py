"""Sampled masks: binary forward, soft backward, the right probability and exactly k pixels."""

import pytest
import torch
from launch.experiments.roi.straight_through import sample, soft_top_k, straight_through, top_k


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    return (2 * torch.randn(4, 1, 16, 16, generator=generator)).requires_grad_()


def is_binary(mask):
    return set(mask.detach().unique().tolist()) <= {0.0, 1.0}


def test_straight_through_is_hard_forward_and_soft_backward(logits):
    soft = logits.sigmoid()
    hard = (soft > 0.5).float()
    mask = straight_through(hard, soft)
    assert torch.equal(mask, hard)
    weights = torch.randn_like(mask)
    (through,) = torch.autograd.grad((weights * mask).sum(), logits)
    (direct,) = torch.autograd.grad((weights * logits.sigmoid()).sum(), logits)
    torch.testing.assert_close(through, direct)


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("gumbel", [True, False])
@pytest.mark.parametrize("project", [True, False])
def test_flags_are_independent(logits, hard, gumbel, project):
    result = sample(logits, 0.7, hard, gumbel, project, keep_ratio=0.1)
    assert is_binary(result.sampled) == hard
    assert is_binary(result.projected) == (hard or project)
    if project:
        assert result.projected.sum((1, 2, 3)).tolist() == [26.0] * 4
    else:
        assert result.projected is result.sampled
    for mask in result:
        (gradient,) = torch.autograd.grad(mask.square().sum(), logits, retain_graph=True)
        assert gradient.abs().sum() > 0


def test_values_are_exactly_binary_for_extreme_probabilities():
    logits = torch.linspace(-100, 100, 4001).view(1, 1, 1, -1)
    assert is_binary(sample(logits, 0.2, project=False).sampled)
    assert is_binary(sample(logits, 0.2).projected)


@pytest.mark.parametrize("temperature", [0.2, 0.7])
@pytest.mark.parametrize("logit", [-2.2, 0.0, 1.0])
def test_probability_of_keeping_is_the_sigmoid_of_the_logit(logit, temperature):
    torch.manual_seed(1)
    draws = sample(torch.full((1, 1, 250, 400), logit), temperature, project=False).sampled
    expected = torch.sigmoid(torch.tensor(logit)).item()
    deviation = (expected * (1 - expected) / draws.numel()) ** 0.5
    assert draws.mean().item() == pytest.approx(expected, abs=4 * deviation)


def test_without_noise_a_mask_is_deterministic(logits):
    first, second = (sample(logits, 0.5, gumbel=False) for _ in range(2))
    assert torch.equal(first.projected, second.projected)
    assert torch.equal(first.sampled, (logits >= 0).float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "scores",
    [
        torch.zeros(2, 1, 10, 10),
        torch.ones(2, 1, 10, 10),
        (torch.arange(200) % 5 < 2).float().view(2, 1, 10, 10),
        torch.sigmoid(torch.linspace(20, 60, 200)).view(2, 1, 10, 10),
    ],
    ids=["zero", "constant", "40 % ones", "saturated"],
)
def test_top_k_keeps_exactly_k_whatever_is_tied(scores, dtype):
    assert top_k(scores.to(dtype), 0.1).sum((1, 2, 3)).tolist() == [10.0, 10.0]


def test_top_k_takes_the_largest_and_the_first_of_equals():
    scores = torch.tensor([1.0, 3.0, 3.0, 2.0, 3.0]).view(1, 1, 1, 5)
    assert top_k(scores, 0.2).flatten().tolist() == [0, 1, 0, 0, 0]
    assert top_k(scores, 0.4).flatten().tolist() == [0, 1, 1, 0, 0]
    assert top_k(scores, 0.8).flatten().tolist() == [0, 1, 1, 1, 1]


def test_top_k_keeps_at_least_one_pixel():
    assert top_k(torch.randn(3, 1, 4, 4), 0.001).sum((1, 2, 3)).tolist() == [1.0] * 3


def test_bf16_autocast_samples_in_fp32(logits):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = sample(logits.bfloat16(), 0.2, keep_ratio=0.1)
    assert all(mask.dtype == torch.float32 for mask in result)
    assert is_binary(result.projected)
    assert result.projected.sum((1, 2, 3)).tolist() == [26.0] * 4


def test_soft_top_k_has_the_wanted_mean_and_ignores_a_common_shift(logits):
    soft = soft_top_k(logits, 0.1)
    assert soft.mean((1, 2, 3)).tolist() == pytest.approx([0.1] * 4, abs=1e-4)
    torch.testing.assert_close(soft_top_k(logits + 7, 0.1), soft, atol=1e-4, rtol=0)
    weights = torch.randn_like(soft)
    (gradient,) = torch.autograd.grad((weights * soft).sum(), logits)
    assert gradient.abs().max() > 0.01
    assert gradient.sum((1, 2, 3)).tolist() == pytest.approx([0.0] * 4, abs=1e-4)


def test_soft_top_k_has_the_gradient_of_its_definition():
    scores = torch.randn(1, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: soft_top_k(s, 0.4), scores, atol=1e-4)


def test_area_penalties_keep_their_gradient_beside_a_soft_top_k(logits):
    result = sample(logits, 0.5, surrogate="soft_top_k")
    assert is_binary(result.projected)
    (gradient,) = torch.autograd.grad(result.sampled.mean(), logits)
    assert (gradient >= 0).all() and gradient.sum() > 0.01
