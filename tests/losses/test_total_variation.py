import pytest
import torch

from launch.losses.total_variation import TotalVariation


def test_sum_of_the_mean_steps_in_both_directions():
    image = torch.tensor([[[[0.0, 1.0, 1.0], [0.0, 0.5, 1.0]]]])
    horizontal = (1 + 0 + 0.5 + 0.5) / 4
    vertical = (0 + 0.5 + 0) / 3
    assert TotalVariation()(image).item() == pytest.approx(horizontal + vertical)


def test_a_flat_image_has_none_and_a_target_changes_nothing():
    flat = torch.full((1, 3, 4, 4), 0.7)
    assert TotalVariation()(flat, torch.rand(1, 3, 4, 4)) == 0


def test_the_edge_of_the_mask_is_not_a_step():
    image = torch.zeros(1, 1, 4, 4)
    image[..., 2:] = 9.0
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1.0
    assert TotalVariation()(image, None, mask) == 0


def test_only_pairs_inside_the_mask_count():
    image = torch.tensor([[[[0.0, 1.0, 4.0]]]]).expand(1, 1, 2, 3)
    mask = torch.tensor([[[[1.0, 1.0, 0.0]]]])
    assert TotalVariation()(image, None, mask.expand(1, 1, 2, 3)).item() == pytest.approx(1)
