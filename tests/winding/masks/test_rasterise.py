"""Half-planes to pictures."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from launch.errors import ConfigError
from launch.experiments.winding.masks.rasterise import clip, grid_of, wedge, wedge_torch
from launch.tools.blur import gaussian

SIZE = (60, 80)


Lines = list[list[tuple[float, float, float]]]


def planes(*rows: tuple[float, float, float]) -> Lines:
    return [list(rows)]


def by_opencv(lines: Lines, sigma: float, union: bool = False) -> Tensor:
    drawn = wedge(lines, [union] * len(lines), SIZE, sigma, torch.device("cpu"))[0]
    return F.interpolate(drawn, size=SIZE, mode="bilinear", align_corners=True)


def by_torch(lines: Lines, sigma: float, union: bool = False) -> Tensor:
    reflex = torch.full((len(lines),), union)
    return wedge_torch(torch.tensor(lines, dtype=torch.float32), reflex, SIZE, sigma)


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


def by_small_squares(a: float, b: float, c: float, sigma: float) -> np.ndarray:
    """The share of each pixel in a half-plane, by 64 points in it, blurred on the full image."""
    y, x = ((np.arange(8 * n) + 0.5) / 8 - 0.5 for n in SIZE)
    inside = a * x + (b * y + c)[:, None] >= 0
    share = inside.reshape(SIZE[0], 8, SIZE[1], 8).mean((1, 3), dtype=np.float32)
    return cv2.GaussianBlur(share, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


@pytest.mark.parametrize("union", [False, True])
@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0, 4.0, 12.0])
def test_what_is_drawn_on_fewer_pixels_has_its_edge_within_a_pixel(sigma, union) -> None:
    """It lies between what is drawn with the line a pixel further in and a pixel further out."""
    random, slack = np.random.default_rng(0), 0.02
    for angle in random.uniform(0, 2 * np.pi, 50):
        a, b = float(np.cos(angle)), float(np.sin(angle))
        c = float(random.uniform(-25, 25) - 40 * a - 30 * b)
        found = by_opencv([[(a, b, c)]], sigma, union)[0, 0].numpy()
        assert (found > by_small_squares(a, b, c - 1, sigma) - slack).all()
        assert (found < by_small_squares(a, b, c + 1, sigma) + slack).all()


def test_a_grid_is_no_finer_than_the_blur_needs_and_keeps_the_corners() -> None:
    assert grid_of(SIZE, 1.25).size == SIZE
    coarse = grid_of(SIZE, 3.0)
    assert coarse.size == (26, 34)
    for few, step, full in zip(coarse.size, coarse.step, SIZE, strict=True):
        assert (few - 1) * step == pytest.approx(full - 1) and step <= 2.4


def test_reaching_the_border_the_mask_keeps_its_value_there() -> None:
    for draw in (by_torch, by_opencv):
        assert draw(planes((1, 0, -39.5)), 3.0)[0, 0, 0, -1] == pytest.approx(1, abs=1e-3)


def test_without_blur_the_mask_is_binary_and_a_batch_is_drawn_slice_by_slice() -> None:
    lines = [[(1.0, 0.0, -20.5)], [(1.0, 0.0, -60.5)]]
    for draw in (by_torch, by_opencv):
        mask = draw(lines, 0)
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        assert mask[0].sum() > mask[1].sum()


def test_a_wedge_without_a_part_in_the_image_is_told() -> None:
    lines = [*planes((1, 0, -20), (-1, 0, 10)), *planes((1, 0, -20), (-1, 0, 40))]
    mask, missed = wedge(lines, [False, False], SIZE, 0, torch.device("cpu"))
    assert missed == [True, False] and mask[0].max() == 0
    assert wedge(lines, [True, True], SIZE, 0, torch.device("cpu"))[1] == [False, False]


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_wedge_thinner_than_a_pixel_is_drawn_and_not_missed(sigma) -> None:
    thin = planes((0.6, 0.8, -50.0), (-0.6, -0.8, 50.3))
    mask, missed = wedge(thin, [False], SIZE, sigma, torch.device("cpu"))
    assert not missed[0] and 0 < mask.mean() < 0.05


def test_a_blur_wider_than_the_image_is_refused() -> None:
    with pytest.raises(ConfigError, match="blur_sigma 61 is wider than the image of 80x60"):
        wedge(planes((1, 0, -20)), [False], SIZE, 61, torch.device("cpu"))


def test_clip_keeps_the_corner_between_two_cuts() -> None:
    square = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
    assert len(clip(square, (1, 1, -1))) == 5
    assert clip(square, (1, 0, -9)) == []
