"""Half-planes to pictures."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from launch.masks.rasterise import blur, clip, fill, kernel_size, wedge_opencv, wedge_torch

SIZE = (60, 80)


def planes(*rows: tuple[float, float, float]) -> Tensor:
    return torch.tensor([rows])


def test_a_half_plane_has_its_area() -> None:
    mask = wedge_torch(planes((1, 0, -19.5)), SIZE, 0)
    assert mask.shape == (1, 1, *SIZE)
    assert mask.mean() == pytest.approx(60 / 80)


def test_a_triangle_in_the_image_has_the_analytic_area() -> None:
    lines = planes((0.6, 0.8, -50.0), (-0.6, 0.8, -8.0))  # apex below the top, open downwards
    apex_x, apex_y = 35.0, 36.25
    rise = (SIZE[0] - 1 - apex_y) / 0.75  # half width at the lower border
    expected = rise * (SIZE[0] - 1 - apex_y)
    assert apex_x == pytest.approx((50 - 8) / (2 * 0.6))
    assert wedge_torch(lines, SIZE, 0).sum() == pytest.approx(expected, rel=0.06)
    assert wedge_opencv(lines, SIZE, 0).sum() == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("sigma", [0.0, 2.0, 5.0])
def test_both_rasterisers_agree_within_one_pixel_of_the_boundary(sigma: float) -> None:
    lines = planes((0.6, 0.8, -30.3), (-0.2, -0.98, 55.1))
    reference, batched = wedge_opencv(lines, SIZE, sigma), wedge_torch(lines, SIZE, sigma)
    sharp = wedge_torch(lines, SIZE, 0)
    least = -torch.nn.functional.max_pool2d(-sharp, 3, 1, 1)
    most = torch.nn.functional.max_pool2d(sharp, 3, 1, 1)
    slack = 0.02
    assert (reference <= blur(most, sigma) + slack).all()
    assert (reference >= blur(least, sigma) - slack).all()
    assert (batched <= blur(most, sigma) + slack).all()


def test_a_blurred_edge_is_one_half_on_the_line() -> None:
    mask = wedge_torch(planes((1, 0, -39.5)), SIZE, 4.0)
    between = mask[0, 0, 30, 39:41].mean()
    assert between == pytest.approx(0.5, abs=0.01)


def test_blurring_a_smaller_image_moves_the_edge_by_less_than_half_a_pixel() -> None:
    corners = [(10.0, 5.0), (70.0, 12.0), (40.0, 55.0)]
    sharp = np.zeros(SIZE, np.float32)
    fill(corners, sharp, 0)
    expected = cv2.GaussianBlur(sharp, (kernel_size(4.0),) * 2, 4.0)
    found = np.zeros(SIZE, np.float32)
    fill(corners, found, 4.0)
    steepest = 1 / (4.0 * np.sqrt(2 * np.pi))  # per pixel
    assert np.abs(found - expected).max() < 0.5 * steepest


def test_reaching_the_border_the_mask_keeps_its_value_there() -> None:
    for draw in (wedge_torch, wedge_opencv):
        assert draw(planes((1, 0, -39.5)), SIZE, 3.0)[0, 0, 0, -1] == pytest.approx(1, abs=1e-3)


def test_without_blur_the_mask_is_binary_and_a_batch_is_drawn_slice_by_slice() -> None:
    lines = torch.cat([planes((1, 0, -20.5)), planes((1, 0, -60.5))])
    for draw in (wedge_torch, wedge_opencv):
        mask = draw(lines, SIZE, 0)
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        assert mask[0].sum() > mask[1].sum()


def test_clip_keeps_the_corner_between_two_cuts() -> None:
    square = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
    assert len(clip(square, (1, 1, -1))) == 5
    assert clip(square, (1, 0, -9)) == []
