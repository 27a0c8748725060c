import pytest
import torch

from launch.losses.colour import Colour


def flat(red: float, green: float, blue: float, size: int = 8) -> torch.Tensor:
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(1, 3, size, size)


def test_a_blue_cast_is_measured_in_chroma():
    value = Colour(cell=4)(flat(0.5, 0.5, 0.7), flat(0.5, 0.5, 0.5))
    assert value.item() == pytest.approx(0.2 * (0.436 + 0.100) / 2, abs=1e-6)


def test_brightness_is_left_to_other_losses():
    assert Colour()(flat(0.9, 0.9, 0.9), flat(0.1, 0.1, 0.1)).item() == pytest.approx(0, abs=1e-6)


def test_what_is_finer_than_a_cell_is_left_to_other_losses():
    target = torch.rand(1, 3, 8, 8)
    assert Colour(cell=8)(target.flip(2, 3), target).item() == pytest.approx(0, abs=1e-6)
    assert Colour(cell=2)(target.flip(2, 3), target) > 0.01


def test_a_cell_has_the_colour_of_its_masked_pixels():
    target = flat(0.5, 0.5, 0.5)
    pred = target.clone()
    pred[:, 2, :, 4:] = 0.7
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:4] = 1
    assert Colour(cell=4)(pred, target, mask).item() == pytest.approx(0, abs=1e-6)
    whole = Colour(cell=4)(flat(0.5, 0.5, 0.7), target)
    assert Colour(cell=4)(pred, target, 1 - mask).item() == pytest.approx(whole.item() * 32 / 48)


def test_cut_cells_at_the_border_average_what_they_have():
    cast = Colour(cell=5)(flat(0.5, 0.5, 0.7), flat(0.5, 0.5, 0.5))
    assert cast.item() == pytest.approx(0.2 * (0.436 + 0.100) / 2, abs=1e-6)
