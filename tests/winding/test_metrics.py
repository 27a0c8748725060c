"""Errors in windings and pixels, on layers that are exactly upright."""

import pytest
import torch
from launch.experiments.winding.metrics import shape_metrics, truth_metrics
from torch import Tensor


def truth(pitch: float = 10.0) -> Tensor:
    return (torch.arange(100.0) / pitch).expand(1, 1, 80, 100).contiguous()


def mesh(columns: int = 5, rows: int = 9) -> Tensor:
    """Columns on layers 2 to 6."""
    y, x = torch.meshgrid(
        torch.linspace(0, 79, rows), 20 + 10.0 * torch.arange(columns), indexing="ij"
    )
    return torch.stack([x, y], -1)[None]


def test_a_perfect_fit_has_no_error() -> None:
    found = truth_metrics(mesh(), truth())
    assert found["slip_rate"] == 0 and found["error_px_p95"] < 1e-3
    assert found["spacing_error"] == pytest.approx(0, abs=1e-5)


def test_a_shift_by_whole_windings_is_free_and_a_fraction_is_not() -> None:
    whole = mesh() + torch.tensor([20.0, 0.0])
    assert truth_metrics(whole, truth())["error_px_median"] < 1e-3
    part = mesh() + torch.tensor([3.0, 0.0])
    found = truth_metrics(part, truth())
    assert found["error_px_median"] == pytest.approx(3, abs=1e-3)
    assert found["phase_error_px"] == pytest.approx(3, abs=1e-3) and found["slip_rate"] == 0


def test_rows_on_the_wrong_winding_are_slips() -> None:
    xy = mesh()
    xy[:, :3, :, 0] += 10
    found = truth_metrics(xy, truth())
    assert found["slip_rate"] == pytest.approx(3 / 9)
    assert found["slip_rate_centre"] == 0 and found["slip_rate_ends"] == pytest.approx(0.5)
    assert found["phase_error_px"] < 1e-3


def test_orientation_is_a_free_choice() -> None:
    found = truth_metrics(mesh().flip(2), truth())
    assert found["orientation"] == -1 and found["slip_rate"] == 0


def test_vertices_outside_the_image_do_not_count() -> None:
    xy = mesh()
    xy[:, 0, :, 1] = -50
    xy[:, 0, :, 0] += 55
    assert truth_metrics(xy, truth())["slip_rate"] == 0


def test_folds_and_coverage() -> None:
    valid = torch.ones(1, 1, 80, 100)
    assert shape_metrics(mesh(), valid)["folded_cells"] == 0
    assert shape_metrics(mesh(), valid)["coverage"] == 1
    folded = mesh()
    folded[0, 4, 2, 1] += 15
    assert shape_metrics(folded, valid)["folded_cells"] >= 1
    valid[..., 45:] = 0
    assert shape_metrics(mesh(), valid)["coverage"] == pytest.approx(3 / 5)


def test_columns_beyond_the_image_decide_neither_gauge_nor_orientation() -> None:
    wide = mesh(columns=15) - torch.tensor([40.0, 0.0])
    found = truth_metrics(wide, truth())
    assert found["orientation"] == 1 and found["slip_rate"] == 0 and found["error_px_p95"] < 1e-3
