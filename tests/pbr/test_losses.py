"""Losses of the scenario against closed forms, and their behaviour when nothing counts."""

import math

import pytest
import torch
from launch.experiments.pbr.layers import UNKNOWN
from launch.experiments.pbr.losses import BalancedBCE, CrossEntropy, PseudoCrossEntropy


def test_unknown_pixels_do_not_count():
    logits = torch.tensor([[2.0, 0.0], [0.0, 5.0]]).T[None, :, :, None]  # two pixels
    classes = torch.tensor([[[0], [UNKNOWN]]])
    expected = math.log(1 + math.exp(-2))
    assert CrossEntropy()(logits, classes).item() == pytest.approx(expected)


def test_without_a_known_pixel_the_loss_is_zero_with_a_graph():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = CrossEntropy()(logits, torch.full((1, 2, 2), UNKNOWN))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()


def test_only_confident_pseudo_labels_count():
    logits = torch.randn(1, 3, 1, 2)
    classes = torch.tensor([[[1, 2]]])
    confidence = torch.tensor([[[0.9, 0.8]]])
    first = CrossEntropy()(logits[..., :1], classes[..., :1])
    pseudo = PseudoCrossEntropy()(logits, classes, None, confidence)
    torch.testing.assert_close(pseudo, first)
    assert PseudoCrossEntropy()(logits, classes, None, confidence - 0.5) == 0


@pytest.mark.parametrize(
    ("metallic", "expected"),
    [(0, 1.0), (1, 15.0), (4, 3.0), (8, 1.0), (12, 1 / 3), (16, 1 / 20)],
)
def test_positives_weigh_negatives_over_positives(metallic, expected):
    target = (torch.arange(16) < metallic).float().view(1, 1, 4, 4)
    weight = BalancedBCE().positive_weight(target, torch.ones_like(target))
    assert weight.item() == pytest.approx(expected)


def test_the_weight_of_a_lonely_metallic_pixel_is_bounded():
    target = torch.zeros(1, 1, 64, 64)
    target[..., 0, 0] = 1
    assert BalancedBCE(largest=20).positive_weight(target, torch.ones_like(target)) == 20


def test_balanced_cross_entropy_of_an_undecided_network():
    """All logits 0, half metal: log 2."""
    target = (torch.arange(16) < 8).float().view(1, 1, 4, 4)
    ones, zeros = torch.ones_like(target), torch.zeros_like(target)
    loss = BalancedBCE()(zeros, target, ones, ones)
    assert loss.item() == pytest.approx(math.log(2))
    assert BalancedBCE()(zeros, target, zeros, ones) == 0


def test_the_background_counts_less_in_the_weighted_variant():
    logits = torch.tensor([0.0, 3.0]).view(1, 1, 1, 2)
    target = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    mask, metal = torch.ones_like(target), target
    expected = (math.log(2) + 0.2 * math.log(1 + math.exp(3))) / 1.2
    got = BalancedBCE(background=0.2)(logits, target, mask, metal)
    assert got.item() == pytest.approx(expected)
