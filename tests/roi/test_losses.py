"""The terms of the objective against closed forms, and where their gradients go."""

import math

import pytest
import torch
from launch.experiments.roi.losses import Consistency, Drop, DropToNormal, Labels, Sparsity, Volume

ZEROS, TWOS = torch.zeros(4, 3), torch.full((4, 3), 2.0)
P2 = 1 / (1 + math.exp(-2))


def test_labels_is_the_binary_cross_entropy():
    assert Labels()(TWOS, torch.ones(4, 3)).item() == pytest.approx(-math.log(P2))


def test_consistency_is_the_distance_of_probabilities():
    assert Consistency()(ZEROS, TWOS).item() == pytest.approx(P2 - 0.5)


def test_drop_counts_only_what_became_likelier():
    assert Drop()(ZEROS, TWOS).item() == pytest.approx(P2 - 0.5)
    assert Drop()(TWOS, ZEROS).item() == 0


def test_drop_leaves_the_full_image_alone():
    full, dropped = ZEROS.clone().requires_grad_(), TWOS.clone().requires_grad_()
    Drop()(full, dropped).backward()
    assert full.grad is None and dropped.grad.abs().sum() > 0


def test_drop_to_normal_is_the_cross_entropy_against_no_findings():
    expected = Labels()(TWOS, torch.zeros(4, 3))
    assert DropToNormal()(TWOS).item() == pytest.approx(expected.item())


def test_volume_per_image_lets_no_image_pay_for_another():
    mask = torch.stack([torch.zeros(1, 4, 4), torch.full((1, 4, 4), 0.2)])
    assert Volume(0.1)(mask).item() == pytest.approx(0.01)
    assert Volume(0.1, reduce="batch")(mask).item() == pytest.approx(0)
    assert Sparsity()(mask).item() == pytest.approx(0.1)
