"""A region that grows at constant speed."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from launch.experiments.winding.masks.dilation import Dilation

SIZE = (100, 100)


def state(**more: Tensor) -> dict[str, Tensor]:
    return {"xy_ema": torch.full((1, 5, 3, 2), 50.0), **more}


def draw(mask: Dilation, iteration: int, seen: dict[str, Tensor]) -> Tensor:
    cells = mask.generate(iteration, seen, SIZE, torch.device("cpu"))
    return F.interpolate(cells, size=SIZE, mode="bilinear", align_corners=True)


def test_it_starts_at_the_middle_vertex_and_moves_at_its_speed() -> None:
    mask = Dilation(velocity=1.0, start_radius=10.0, blur_sigma=0.0)
    radii = [float((draw(mask, i, state())[0, 0, 50] > 0.5).sum()) / 2 for i in (0, 10, 20)]
    assert radii == pytest.approx([10, 20, 30], abs=4)


def test_it_goes_around_what_is_invalid_and_not_through() -> None:
    valid = torch.ones(1, 1, *SIZE)
    valid[..., 70:80] = 0  # a wall from top to bottom
    mask = Dilation(velocity=5.0, blur_sigma=0.0)
    grown = draw(mask, 100, state(valid=valid))
    assert grown[0, 0, 50, 60] == 1
    assert grown[0, 0, :, 85:].max() == 0


def test_the_seed_stays_where_it_was() -> None:
    mask = Dilation(velocity=0.1, start_radius=5.0, blur_sigma=0.0)
    before = draw(mask, 0, state())
    moved = {"xy_ema": torch.full((1, 5, 3, 2), 90.0)}
    assert torch.equal(draw(mask, 1, moved), before)
