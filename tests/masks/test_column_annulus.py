"""A band that grows across windings."""

import pytest
import torch
from torch import Tensor

from launch.masks.column_annulus import ColumnAnnulus

SIZE = (60, 60)


def mesh() -> dict[str, Tensor]:
    """Seven upright columns, 6 pixels apart, around x = 30."""
    y, x = torch.meshgrid(torch.linspace(-5, 65, 9), 30 + 6.0 * torch.arange(-3, 4), indexing="ij")
    return {"xy_ema": torch.stack([x, y], -1)[None]}


def draw(mask: ColumnAnnulus, iteration: int) -> Tensor:
    return mask.generate(iteration, mesh(), SIZE, torch.device("cpu"))


def test_the_band_has_its_width_in_windings() -> None:
    row = draw(ColumnAnnulus(0, 10, start_columns=2.0), 0)[0, 0, 30]
    assert row.sum() == pytest.approx(12, abs=1.5)
    assert row[30] == 1


def test_it_widens_and_then_opens() -> None:
    mask = ColumnAnnulus(0, 10)
    assert draw(mask, 0).sum() < draw(mask, 5).sum() < draw(mask, 10).sum() == 3600
    literal = draw(ColumnAnnulus(0, 10, open_at_end=False), 10)[0, 0, 30]
    assert literal.sum() == pytest.approx(7 * 6, abs=1.5)
