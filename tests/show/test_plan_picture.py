"""A row draws a schedule as training sees it: jumps are vertical, changes are marked."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from launch.schedules import Exponential, LossWeight, Points
from launch.show import plan_picture
from launch.show.plan_picture import divided, draw, row
from launch.show.planned import Facts, Planned, Thumbnails, collect
from tests.show.configs import SPANS, config, grown


def test_a_jump_is_vertical_and_marked() -> None:
    ax = Figure((10, 1)).subplots()
    row(ax, Planned("losses.gan", LossWeight(0.08, start_iter=333), 1000))
    curve, dot = ax.lines
    steps = dict(zip(curve.get_xdata(), curve.get_ydata(), strict=True))  # type: ignore[arg-type]
    assert (steps[332], steps[333]) == (0.0, 0.08)
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (333, 0.08)  # type: ignore[index]
    assert [text.get_text() for text in ax.texts] == ["333: 0.08"]
    assert ax.get_ylabel() == "losses.gan"


@pytest.mark.parametrize("places", [(300, 310, 320, 330), (10, 500, 960, 990), (2, 4, 6, 8)])
def test_labels_do_not_overlap(places: tuple[int, ...]) -> None:
    points = [[0, 0.0], *([place, float(n % 2)] for n, place in enumerate(places))]
    figure = Figure((10, 1))
    FigureCanvasAgg(figure)
    ax = figure.add_axes((plan_picture.LEFT, 0.1, plan_picture.RIGHT - plan_picture.LEFT, 0.8))
    row(ax, Planned("losses.a", Points(points), 1000))
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert boxes
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(box.x1 <= figure.bbox.width for box in boxes)


def test_epochs_stand_on_the_axis_of_iterations_where_their_length_is_known() -> None:
    falling = Exponential(1.0, 0.5, floor=0.25)
    ax = Figure((10, 1)).subplots()
    row(ax, Planned("module.temperature", falling, 8, updates_per_epoch=40))
    assert ax.get_xlim() == (0, 320)
    assert ax.lines[0].get_drawstyle() == "steps-post"  # a value holds for an epoch
    assert ax.lines[1].get_xdata()[0] == 80  # type: ignore[index]
    assert [text.get_text() for text in ax.texts] == ["epoch 2: 0.25"]  # not an iteration


def test_epochs_of_unknown_length_have_an_axis_of_their_own() -> None:
    node = {"_target_": "launch.schedules.Exponential", "initial": 1.0, "rate": 0.9, "floor": 0.5}
    settings = config(100, losses={"a": {"type": "l1", "start_iter": 5}}, module={"t": node})
    units = [block.unit for block in divided(collect(settings), settings, {})]
    assert units == ["iteration", "epoch (the end is known with the data only)"]
    facts = {"": Facts(updates_per_epoch=10)}
    (block,) = divided(collect(settings, facts), settings, {})
    assert block.unit == "iteration (10 in an epoch)"


def test_constants_are_one_line_and_a_span_stands_for_its_share() -> None:
    losses = {"a": {"type": "l1"}, "b": {"type": "l1", "loss_weight": 2.0}}
    settings = config(100, losses=losses, masks=[grown()])
    (block,) = divided(collect(settings, {"": Facts(spans=SPANS)}), settings, {})
    assert [p.key for p in block.rows] == ["masks.m.rows"]
    assert block.text == ["constant: losses.a\u00a01, losses.b\u00a02"]


def test_thumbnails_take_room_below_their_mask(tmp_path: Path) -> None:
    settings = config(100, losses={"a": {"type": "l1"}}, masks=[grown()])
    planned = collect(settings)
    mask = Thumbnails("m", [10, 28, 45, 62, 80], [np.full((8, 8), s / 4) for s in range(5)])
    sizes = []
    for masks in ({}, {"": [mask]}):
        draw(planned, settings, masks, tmp_path / "plan.png")
        sizes.append(Image.open(tmp_path / "plan.png").height)
    assert sizes[1] - sizes[0] == pytest.approx(130 * plan_picture.PICTURES, abs=2)
