"""The wedge that opens along the layers."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from launch.errors import ConfigError, LaunchError
from launch.experiments.winding.masks import central_winding_pie, rasterise
from launch.experiments.winding.masks.central_winding_pie import CentralWindingPie, advance
from launch.masks.scheduled import ScheduledMask, ScheduledMasks, sample

SIZE = (80, 80)
ROWS, COLUMNS = 21, 5


def fan(spread: float = 0.0, slices: int = 1, step: float = 3.0) -> dict[str, Tensor]:
    """A straight central column whose links turn by `spread` radians from end to end.

    A positive spread makes the lines meet to the right of the column.
    """
    rows = torch.arange(ROWS, dtype=torch.float32) - (ROWS - 1) / 2
    angle = -spread * rows / (ROWS - 1)
    across = torch.stack([torch.cos(angle), torch.sin(angle)], -1)  # (R, 2)
    centre = torch.stack([torch.full_like(rows, 40.0), 40.0 + step * rows], -1)
    place = torch.arange(COLUMNS, dtype=torch.float32) - COLUMNS // 2
    xy = centre[:, None] + 3 * place[:, None] * across[:, None]
    sides = torch.tensor([-3.0, 0.0, 3.0])
    conn = xy[:, :, None] + sides[:, None] * across[:, None, None]
    return {
        "xy_ema": xy.expand(slices, -1, -1, -1),
        "xy_conn_ema": conn.expand(slices, *conn.shape),
    }


def draw(mask: CentralWindingPie, iteration: int, state: dict[str, Tensor]) -> Tensor:
    held = ScheduledMasks([ScheduledMask("pie", ("data",), mask)])
    held.build(iteration, {**state, "size": SIZE})
    return held.images()["pie"]


def pie(**changed: object) -> CentralWindingPie:
    settings: dict = {"ramp_start_it": 0, "ramp_stop_it": 100, "start_size_segs": 4.0}
    return CentralWindingPie(**{**settings, **changed})


def test_parallel_links_give_a_strip_of_the_start_size() -> None:
    mask = draw(pie(), 0, fan())
    assert mask.sum() == pytest.approx(4 * 3 * 80, rel=0.1)
    assert mask[0, 0, 40].min() == 1


def test_links_that_meet_in_the_image_give_a_triangle() -> None:
    state = fan(spread=2.0)
    mask = draw(pie(ramp_stop_it=0, open_at_end=False), 1, state)[0, 0]
    apex = 40 + 30 / math.tan(1.0)  # half the column's length over the slope of its end links
    assert mask[40, : int(apex) - 1].min() == 1
    assert mask[40, int(apex) + 3 :].max() == 0
    assert mask[0, 0] == mask[-1, 0] == 1  # it opens to the left, with both corners


def test_links_that_meet_outside_the_image_give_a_trapezoid() -> None:
    mask = draw(pie(start_size_segs=10.0), 0, fan(spread=0.4))[0, 0]
    heights = 30 - 2 * math.tan(0.1) * (torch.arange(80.0) - 40)  # ten segments of 3 pixels at 40
    assert mask.sum(0) == pytest.approx(heights, abs=2)


def test_the_side_of_the_apex_with_the_middle_is_kept() -> None:
    assert draw(pie(), 0, fan(spread=-2.0))[0, 0, 40, 40] == 1


@pytest.mark.parametrize("blur", [0.0, 3.0])
def test_values_are_in_range_and_the_middle_is_always_inside(blur: float) -> None:
    mask = pie(blur_sigma=blur, start_size_segs=8.0)
    for iteration in (0, 30, 60, 100):
        image = draw(mask, iteration, fan(spread=0.5))
        assert image.shape == (1, 1, *SIZE)
        assert image.min() >= 0 and image.max() <= 1
        assert image[0, 0, 40, 40] > 0.9


def by_torch(planes, reflex, size, sigma, device) -> tuple[Tensor, list[bool]]:
    return rasterise.wedge_torch(torch.tensor(planes), torch.tensor(reflex), size, sigma), [False]


def turning(half: float, shape: str = "circle", middle: tuple[float, float] = (150.0, 150.0)):
    """Columns around a centre, whose links turn by `half` degrees to both sides of the middle."""
    angle = torch.deg2rad(torch.linspace(-half, half, 61))
    flat = 0.6 if shape == "ellipse" else 1.0
    radius = 90 + (0.15 * torch.rad2deg(angle) if shape == "spiral" else 0 * angle)
    place = torch.arange(-3, 4) * 8.0  # two columns to each side, and their outer neighbours
    ring = torch.stack([angle.cos(), flat * angle.sin()], -1)[:, None]
    xy = torch.tensor(middle) + (radius[:, None, None] + place[:, None]) * ring
    conn = torch.stack([xy[:, :-2], xy[:, 1:-1], xy[:, 2:]], 2)
    return {"xy_ema": xy[None, :, 1:-1], "xy_conn_ema": conn[None]}


@pytest.mark.parametrize("draw_by", [rasterise.wedge, by_torch])
@pytest.mark.parametrize("middle", [(150.0, 150.0), (165.0, 140.0)])
@pytest.mark.parametrize("shape", ["circle", "ellipse", "spiral"])
@pytest.mark.parametrize("half", [60, 89, 90, 91, 125, 165, 179, 185, 260])
def test_a_pie_opens_all_the_way_however_far_the_layers_turn(
    monkeypatch, half, shape, middle, draw_by
) -> None:
    monkeypatch.setattr(central_winding_pie, "wedge", draw_by)
    state, mask = turning(half, shape, middle), pie(blur_sigma=1.0)
    covered = []
    for iteration in range(0, 101, 10):
        image = mask.generate(iteration, state, (300, 300), torch.device("cpu"))
        rows = sample(image, state["xy_ema"][:, :, 2])[0, 0] > 0.5
        assert rows[30]
        covered.append(int(rows.sum()))
    assert covered == sorted(covered)
    assert covered[0] <= 6 and covered[5] > 20 and covered[-1] == 61


@pytest.mark.parametrize("half", [80, 100, 140, 175])
def test_both_rasterisers_draw_the_same_pie(monkeypatch, half) -> None:
    state, masks = turning(half, "spiral", (160.0, 140.0)), []
    for draw_by in (rasterise.wedge, by_torch):
        monkeypatch.setattr(central_winding_pie, "wedge", draw_by)
        masks.append(pie().generate(80, state, (300, 300), torch.device("cpu")))
    reference, batched = masks
    widest = torch.nn.functional.max_pool2d(batched, 3, 1, 1)
    narrowest = -torch.nn.functional.max_pool2d(-batched, 3, 1, 1)
    assert (narrowest <= reference).all() and (reference <= widest).all()


def test_a_pie_of_more_than_half_a_turn_leaves_out_the_wedge_between_its_ends() -> None:
    state = turning(135)
    image = pie(ramp_stop_it=0, open_at_end=False).generate(
        1, state, (300, 300), torch.device("cpu")
    )
    assert image.mean() == pytest.approx(0.75, abs=0.01)
    assert image[0, 0, 150, 20] == 0 and image[0, 0, 20, 150] == 1


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_link_without_length_turns_with_its_neighbours(mirrored) -> None:
    state = turning(100)
    if mirrored:
        state = {"xy_ema": state["xy_ema"].flip(2), "xy_conn_ema": state["xy_conn_ema"].flip(2, 3)}
    whole = pie().generate(60, state, (300, 300), torch.device("cpu"))
    for row in (20, 21, 40):
        state["xy_conn_ema"][0, row, COLUMNS // 2, [0, 2]] = state["xy_ema"][0, row, COLUMNS // 2]
    image = pie().generate(60, state, (300, 300), torch.device("cpu"))
    assert (image - whole).abs().mean() < 0.005
    assert 0.2 < whole.mean() < 0.8


def test_the_wedge_only_grows_for_a_mesh_that_stands_still() -> None:
    mask = pie()
    images = [draw(mask, iteration, fan()) for iteration in range(0, 101, 10)]
    assert all(bool((later >= earlier).all()) for earlier, later in pairwise(images))
    assert images[0].sum() < images[5].sum() < images[-1].sum()


def test_at_the_end_it_opens_fully_unless_told_to_stay_literal() -> None:
    state = fan(step=2.0)
    assert draw(pie(), 100, state).min() == 1
    assert draw(pie(open_at_end=False), 100, state)[0, 0, 2].max() == 0


@pytest.mark.parametrize(
    ("start", "stop", "iteration", "segments"),
    [(10, 20, 10, 4), (10, 20, 15, 12), (10, 20, 20, 20), (10, 10, 10, 4), (10, 10, 11, 20)],
)
def test_span_follows_the_ramp(start: int, stop: int, iteration: int, segments: float) -> None:
    mask = pie(ramp_start_it=start, ramp_stop_it=stop)
    low, middle, high = mask.ends(ROWS, mask.shares(iteration, {}))
    assert high - low == pytest.approx(segments)
    assert middle == 10


def test_start_size_is_held_within_one_segment_and_the_column() -> None:
    assert pie(start_size_segs=99.0).ends(ROWS, (0, 0)) == (0, 10, 20)
    low, _, high = pie(start_size_segs=0.2).ends(ROWS, (0, 0))
    assert high - low == 1


def test_off_centre_each_end_still_reaches_its_own_end() -> None:
    mask = pie(center_off=(0, 5))
    assert mask.ends(ROWS, (0, 0)) == (13, 15, 17)
    assert mask.ends(ROWS, (1, 1)) == (0, 15, 20)


def test_even_rows_have_a_fractional_middle() -> None:
    assert pie().ends(22, (0.0, 0.0))[1] == 10.5


def test_a_boundary_point_outside_the_image_does_not_switch_the_mask_off() -> None:
    state = fan(step=9.0)  # the column is more than twice as tall as the image
    mask = draw(pie(ramp_stop_it=1000), 1, state)
    assert 0 < mask.mean() < 1


def test_vanishing_links_fall_back_to_the_column_and_a_point_to_ones() -> None:
    state = fan()
    state["xy_conn_ema"] = state["xy_conn_ema"][..., 1:2, :].expand(-1, -1, -1, 3, -1)
    mask = pie()
    assert draw(mask, 0, state).sum() == pytest.approx(4 * 3 * 80, rel=0.1)
    assert mask.memory["undirected"] == 0
    state["xy_ema"] = state["xy_conn_ema"] = torch.full((1, ROWS, COLUMNS, 3, 2), 40.0)
    state["xy_ema"] = state["xy_ema"][..., 0, :]
    assert draw(mask, 0, state).min() == 1
    assert mask.memory["undirected"] == 2


def test_a_wedge_that_leaves_the_image_keeps_the_last_mask() -> None:
    mask, state = pie(), fan()
    last = draw(mask, 0, state)
    away = {name: value + 500.0 for name, value in state.items()}
    assert torch.equal(draw(mask, 1, away), last)
    assert draw(pie(), 1, away).min() == 1  # nothing to keep


def test_every_slice_has_its_own_wedge() -> None:
    state = fan(slices=2)
    state["xy_ema"] = torch.cat([state["xy_ema"][:1], state["xy_ema"][1:] + 20.0])
    mask = draw(pie(), 0, state)
    assert mask[0, 0, 40].min() == 1 and mask[1, 0, 40].max() == 0


def test_a_diverged_mesh_is_an_error() -> None:
    state = fan()
    state["xy_ema"] = state["xy_ema"].clone()
    state["xy_ema"][0, 3] = math.nan
    with pytest.raises(LaunchError, match="not finite"):
        draw(pie(), 0, state)


def test_a_ramp_must_not_end_before_it_starts() -> None:
    with pytest.raises(ConfigError, match="ramp_stop_it 1 is before"):
        pie(ramp_start_it=2, ramp_stop_it=1)


def test_an_adaptive_front_waits_while_the_residual_behind_it_is_high() -> None:
    mask = pie(growth="adaptive", residual_limit=0.1)
    state = fan()
    low = torch.zeros(1, ROWS, COLUMNS)
    high_below = low.clone()
    high_below[:, :10] = 1.0
    for iteration in range(20):
        draw(mask, iteration, {**state, "residual": low})
    both = mask.memory["fronts"]
    assert both[0] == pytest.approx(both[1]) and both[0] > 0.1
    for iteration in range(20, 40):
        draw(mask, iteration, {**state, "residual": high_below})
    assert mask.memory["fronts"][0] == pytest.approx(both[0], abs=0.02)
    assert mask.memory["fronts"][1] > both[1] + 0.1


def test_a_blocked_front_waits_and_the_other_goes_on() -> None:
    memory: dict = {}
    assert advance(memory, 0, 0.1, (False, False)) == (0.0, 0.0)
    assert advance(memory, 1, 0.1, (False, True)) == pytest.approx((0.1, 0.0))
    assert advance(memory, 2, 0.1, (False, False)) == pytest.approx((0.2, 0.1))


def test_asking_twice_for_one_iteration_moves_nothing() -> None:
    memory: dict = {}
    advance(memory, 0, 0.1, (False,))
    assert advance(memory, 1, 0.1, (False,)) == advance(memory, 1, 0.1, (False,))
