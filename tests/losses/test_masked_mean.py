import pytest
import torch

from launch.losses.masked_mean import masked_mean


def test_without_a_mask_it_is_the_mean():
    assert masked_mean(torch.tensor([[[[1.0, 3.0]]]]), None) == 2


def test_averages_over_the_masked_area_only():
    values = torch.tensor([[[[1.0, 3.0, 100.0, 100.0]]]])
    assert masked_mean(values, torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])) == 2
    assert masked_mean(values, torch.tensor([[[[0.75, 0.25, 0.0, 0.0]]]])) == 1.5


def test_one_mask_serves_all_channels_and_images():
    values = torch.arange(12.0).view(1, 3, 2, 2).expand(2, 3, 2, 2)
    mask = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    assert masked_mean(values, mask) == pytest.approx((0 + 4 + 8) / 3)


def test_the_scale_of_a_mask_does_not_matter_however_faint():
    values = torch.tensor([[[[1.0, 3.0]]]])
    assert masked_mean(values, torch.full((1, 1, 1, 2), 1e-30)) == pytest.approx(2)


def test_an_empty_mask_gives_zero_with_a_graph():
    values = torch.ones(1, 1, 2, 2, requires_grad=True)
    mean = masked_mean(values, torch.zeros(1, 1, 2, 2))
    mean.backward()
    assert mean == 0
    assert torch.equal(values.grad, torch.zeros(1, 1, 2, 2))


def test_a_boolean_mask_counts_as_ones():
    values = torch.tensor([[[[1.0, 3.0]]]])
    assert masked_mean(values, torch.tensor([[[[False, True]]]])) == 3
