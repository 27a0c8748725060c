"""Half-planes to pictures."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from launch.experiments.winding.masks.rasterise import (
    clip,
    filled,
    kernel_size,
    soften,
    wedge,
    wedge_torch,
)
from launch.tools.blur import gaussian

SIZE = (60, 80)


def planes(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array([rows])


def by_opencv(lines: np.ndarray, sigma: float, union: bool = False) -> Tensor:
    return wedge(lines, np.full(len(lines), union), SIZE, sigma, torch.device("cpu"))[0]


def by_torch(lines: np.ndarray, sigma: float, union: bool = False) -> Tensor:
    reflex = torch.full((len(lines),), union)
    return wedge_torch(torch.from_numpy(lines).float(), reflex, SIZE, sigma)


def test_a_half_plane_has_its_area() -> None:
    mask = by_torch(planes((1, 0, -19.5)), 0)
    assert mask.shape == (1, 1, *SIZE)
    assert mask.mean() == pytest.approx(60 / 80)


def test_a_union_is_what_is_on_either_side() -> None:
    corner = planes((1, 0, -39.5), (0, 1, -29.5))
    for draw in (by_torch, by_opencv):
        assert draw(corner, 0).mean() == pytest.approx(0.25, abs=0.02)
        assert draw(corner, 0, union=True).mean() == pytest.approx(0.75, abs=0.02)


def test_a_triangle_in_the_image_has_the_analytic_area() -> None:
    lines = planes((0.6, 0.8, -50.0), (-0.6, 0.8, -8.0))  # apex below the top, open downwards
    apex_x, apex_y = 35.0, 36.25
    rise = (SIZE[0] - 1 - apex_y) / 0.75  # half width at the lower border
    expected = rise * (SIZE[0] - 1 - apex_y)
    assert apex_x == pytest.approx((50 - 8) / (2 * 0.6))
    assert by_torch(lines, 0).sum() == pytest.approx(expected, rel=0.06)
    assert by_opencv(lines, 0).sum() == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("union", [False, True])
@pytest.mark.parametrize("sigma", [0.0, 2.0, 5.0])
def test_both_rasterisers_agree_within_one_pixel_of_the_boundary(sigma, union) -> None:
    lines = planes((0.6, 0.8, -30.3), (-0.2, -0.98, 55.1))
    reference, batched = by_opencv(lines, sigma, union), by_torch(lines, sigma, union)
    sharp = by_torch(lines, 0, union)
    least = -torch.nn.functional.max_pool2d(-sharp, 3, 1, 1)
    most = torch.nn.functional.max_pool2d(sharp, 3, 1, 1)
    slack = 0.02
    assert (reference <= gaussian(most, sigma) + slack).all()
    assert (reference >= gaussian(least, sigma) - slack).all()
    assert (batched <= gaussian(most, sigma) + slack).all()


def test_a_blurred_edge_is_one_half_on_the_line() -> None:
    mask = by_torch(planes((1, 0, -39.5)), 4.0)
    between = mask[0, 0, 30, 39:41].mean()
    assert between == pytest.approx(0.5, abs=0.01)


def test_blurring_a_smaller_image_moves_the_edge_by_less_than_half_a_pixel() -> None:
    corners = [(10.0, 5.0), (70.0, 12.0), (40.0, 55.0)]
    sharp = filled(corners, SIZE)
    expected = cv2.GaussianBlur(sharp / np.float32(255), (kernel_size(4.0),) * 2, 4.0)
    found = np.zeros(SIZE, np.float32)
    soften(sharp, found, 4.0)
    steepest = 1 / (4.0 * np.sqrt(2 * np.pi))  # per pixel
    assert np.abs(found - expected).max() < 0.5 * steepest


def test_reaching_the_border_the_mask_keeps_its_value_there() -> None:
    for draw in (by_torch, by_opencv):
        assert draw(planes((1, 0, -39.5)), 3.0)[0, 0, 0, -1] == pytest.approx(1, abs=1e-3)


def test_without_blur_the_mask_is_binary_and_a_batch_is_drawn_slice_by_slice() -> None:
    lines = np.concatenate([planes((1, 0, -20.5)), planes((1, 0, -60.5))])
    for draw in (by_torch, by_opencv):
        mask = draw(lines, 0)
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        assert mask[0].sum() > mask[1].sum()


def test_a_wedge_without_a_part_in_the_image_is_told() -> None:
    lines = np.concatenate([planes((1, 0, -20), (-1, 0, 10)), planes((1, 0, -20), (-1, 0, 40))])
    mask, missed = wedge(lines, np.array([False, False]), SIZE, 0, torch.device("cpu"))
    assert missed == [True, False] and mask[0].max() == 0
    assert wedge(lines, np.array([True, True]), SIZE, 0, torch.device("cpu"))[1] == [False, False]


def test_clip_keeps_the_corner_between_two_cuts() -> None:
    square = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
    assert len(clip(square, (1, 1, -1))) == 5
    assert clip(square, (1, 0, -9)) == []
