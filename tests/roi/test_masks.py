"""Sources of masks: area, noise while training only, and where gradients are cut."""

import pytest
import torch
from launch.experiments.roi.masks import Cutout, LearnedMask, RandomMask
from launch.experiments.roi.networks import MaskNetwork

IMAGE = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("source", [RandomMask(0.1), RandomMask(0.1, mask_stride=4), Cutout(0.1)])
def test_untrained_masks_have_the_wanted_area(source):
    mask = source(IMAGE, 0.5).projected
    assert mask.mean((1, 2, 3)).tolist() == pytest.approx([0.1] * 3, abs=0.01)
    assert not mask.requires_grad


def test_a_cutout_is_a_square():
    mask = Cutout(0.25)(IMAGE, 0.5).projected[0, 0]
    rows, columns = mask.any(1).sum(), mask.any(0).sum()
    assert abs(int(rows) - int(columns)) <= 1 and mask.sum() >= 0.9 * rows * columns


def test_noise_is_added_while_training_only():
    source = LearnedMask(MaskNetwork(2)).train()
    assert not source(IMAGE, 0.5).projected.equal(source(IMAGE, 0.5).projected)
    source.eval()
    once, settled = source(IMAGE, 0.5), source.settled(source.saliency(IMAGE), 0.5)
    assert once.projected.equal(source(IMAGE, 0.5).projected)
    assert once.projected.equal(settled.projected) and once.sampled.equal(settled.sampled)


def test_without_straight_through_nothing_reaches_the_network_through_the_image():
    source = LearnedMask(MaskNetwork(2), straight_through=False)
    result = source(IMAGE, 0.5)
    assert not result.projected.requires_grad
    result.sampled.mean().backward()
    assert source.network.last.weight.grad.abs().sum() > 0
