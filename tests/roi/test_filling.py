"""What takes the place of hidden pixels."""

import pytest
import torch

from launch.experiments.roi.filling import cover, random_blocks

IMAGE = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)) + 1


@pytest.mark.parametrize("fill", ["zero", "mean", "blur", "noise"])
def test_shown_pixels_stay_and_hidden_ones_do_not(fill):
    mask = torch.zeros(2, 1, 8, 8)
    mask[..., :4] = 1
    result = cover(IMAGE, mask, fill)
    torch.testing.assert_close(result[..., :16], IMAGE[..., :16])
    assert not torch.isclose(result[..., 16:], IMAGE[..., 16:]).all()


def test_zero_and_mean():
    hidden = torch.zeros(2, 1, 32, 32)
    assert not cover(IMAGE, hidden, "zero").any()
    expected = IMAGE.mean((2, 3), keepdim=True).expand_as(IMAGE)
    torch.testing.assert_close(cover(IMAGE, hidden, "mean"), expected)


def test_random_blocks_are_binary_and_of_every_area():
    torch.manual_seed(0)
    masks = [random_blocks(IMAGE.expand(-1, -1, -1, -1)) for _ in range(40)]
    assert {m.shape[-1] for m in masks} == {8, 16}
    assert all(set(m.unique().tolist()) <= {0.0, 1.0} for m in masks)
    areas = torch.cat([m.mean((1, 2, 3)) for m in masks])
    assert areas.min() < 0.1 and areas.max() > 0.9
    assert areas.mean().item() == pytest.approx(0.4, abs=0.08)
