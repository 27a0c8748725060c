"""A disc for any image."""

import math

import pytest
import torch

from launch.masks.disc import Disc

CPU = torch.device("cpu")


def test_area_follows_the_radius() -> None:
    mask = Disc(0, 10, start_radius=0.5, stop_radius=0.5, softness=0.0)
    image = mask.generate(0, {}, (101, 101), CPU)
    radius = 0.5 * 0.5 * math.hypot(100, 100)
    assert image.sum() == pytest.approx(math.pi * radius**2, rel=0.02)


def test_it_grows_from_its_centre_to_the_corners() -> None:
    mask = Disc(0, 10, start_radius=0.1, centre=(0.5, 0.5), softness=0.0)
    start, middle, end = (mask.generate(i, {}, (40, 60), CPU) for i in (0, 5, 10))
    assert start[0, 0, 20, 30] == 1 and start[0, 0, 0, 0] == 0
    assert start.sum() < middle.sum() < end.sum()
    assert end[0, 0, 0, 0] >= 0.5


def test_the_edge_is_one_half_on_the_radius() -> None:
    mask = Disc(0, 1, start_radius=0.5, softness=10.0, centre=(0, 0))
    image = mask.generate(0, {}, (31, 41), CPU)
    assert image[0, 0, 0, 12:14].mean() == pytest.approx(0.5, abs=0.01)  # 12.5 pixels
