"""Where a mesh starts."""

import math

import numpy as np
import pytest

from launch.experiments.winding.channels import Channels, encode_gradient
from launch.experiments.winding.module import WindingFit
from launch.experiments.winding.strip import strip
from launch.train import objective


def stripes(size: tuple[int, int], degrees: float, valid: np.ndarray | None = None) -> Channels:
    """Straight layers whose normal has this angle."""
    angle = math.radians(degrees)
    y, x = np.mgrid[: size[0], : size[1]]
    cosine = 0.5 + 0.5 * np.cos(2 * np.pi * (x * math.cos(angle) + y * math.sin(angle)) / 10)
    dir0, dir1 = encode_gradient(np.full(size, math.cos(angle)), np.full(size, math.sin(angle)))
    maps = [cosine, np.full(size, 0.1), dir0, dir1, np.ones(size) if valid is None else valid]
    return Channels(*(values[None].astype(np.float32) for values in maps))


@pytest.mark.parametrize(
    ("size", "degrees", "length", "width"),
    [
        ((200, 200), 0, 200, 200),
        ((100, 300), 90, 300, 100),
        ((100, 300), 0, 100, 300),
        ((300, 100), 90, 100, 300),
        ((200, 200), 45, 200 * math.sqrt(2), 200 * math.sqrt(2)),
        ((100, 400), 60, 100 / math.sin(math.radians(30)), 100 / math.cos(math.radians(30))),
    ],
)
def test_a_strip_is_as_long_as_the_layers_it_follows(size, degrees, length, width) -> None:
    found = strip(stripes(size, degrees))
    assert math.cos(2 * (found.angle - math.radians(degrees))) == pytest.approx(1, abs=1e-4)
    assert found.length == pytest.approx(length, rel=0.04)
    assert found.width == pytest.approx(width, rel=0.04)
    assert found.centre == pytest.approx(((size[1] - 1) / 2, (size[0] - 1) / 2), abs=2)


def test_air_beside_the_material_makes_it_shorter_and_moves_it() -> None:
    valid = np.ones((200, 300))
    valid[:, :120] = 0
    found = strip(stripes((200, 300), 90, valid))
    assert (found.length, found.width) == pytest.approx((180, 200))
    assert found.centre == pytest.approx((209.5, 99.5))


def test_holes_do_not_cut_it() -> None:
    valid = np.ones((200, 200))
    valid[95:105, 95:105] = 0
    valid[190:, 95:105] = 0
    found = strip(stripes((200, 200), 0, valid))
    assert (found.length, found.width) == pytest.approx((200, 200))


def test_a_ring_is_entered_where_there_is_material() -> None:
    y, x = np.mgrid[:200, :200]
    radius = np.hypot(x - 99.5, y - 99.5)
    valid = ((radius > 50) & (radius < 90)).astype(float)
    found = strip(stripes((200, 200), 0, valid))
    assert 100 < found.length < 181


def test_no_material_at_all_is_taken_for_everything() -> None:
    assert strip(stripes((50, 80), 0, np.zeros((50, 80)))).length == pytest.approx(50)


def test_the_mesh_of_a_fit_covers_its_layers_and_as_many_of_them_as_there_are() -> None:
    """Layers 10 pixels apart that run along a wide picture."""
    losses = objective.build({"step": {"_target_": "launch.experiments.winding.losses.Step"}})
    stage = {"name": "a", "first": 0, "steps": 1, "lr": [0.1], "params": ["mesh_ms"]}
    fit = WindingFit(losses, [stage], mesh_step=10.0, winding_step=10.0, rows_fraction=1.2)
    xy = fit.lay(stripes((100, 300), 90)).vertices().detach()
    assert xy.shape == (1, 2, 37, 10)
    assert (xy[:, 0].min(), xy[:, 0].max()) == pytest.approx((149.5 - 180, 149.5 + 180), abs=1)
    assert (xy[:, 1].min(), xy[:, 1].max()) == pytest.approx((4.5, 94.5), abs=1)
