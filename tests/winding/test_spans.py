"""What masks do over a run, and what is seldom meant."""

import pytest

from launch.experiments.winding.spans import effects, pies, span
from launch.experiments.winding.stages import parse

PIE = {
    "label": "pie",
    "type": "central_winding_pie_ema",
    "ramp_start_it": 2,
    "ramp_stop_it": 6,
    "start_size_segs": 4,
    "losses": ["gradmag"],
}


def stages(*masks: dict, steps: int = 10):
    first = {"name": "bend", "steps": 5}
    return parse(
        {
            "base": {"gradmag": 1.0},
            "stages": [first, {"name": "snap", "steps": steps, "masks": list(masks)}],
        }
    )


def test_a_pie_spans_everything_where_it_is_off_and_grows_where_it_is_on() -> None:
    points = span(stages(PIE), "pie", 32)
    assert points == [[0, 32], [4, 32], [5, 4], [7, 4], [11, 32], [14, 32], [15, 32]]


def test_a_ramp_that_outlasts_its_stage_is_drawn_as_far_as_it_comes() -> None:
    points = span(stages(PIE | {"ramp_stop_it": 16}), "pie", 32)
    course = {iteration: segments for iteration, segments in points}
    assert course[14] == pytest.approx(4 + 28 * 7 / 14) and course[15] == 32


def test_only_pies_have_a_span() -> None:
    disc = {"label": "disc", "type": "disc", "losses": ["gradmag"]}
    assert pies(stages(PIE, disc)) == ["pie"]


def test_a_pie_as_long_as_its_column_is_told() -> None:
    """The requirement document's own size on the mesh of the shipped recipe."""
    found = stages(PIE | {"start_size_segs": 32})
    (sentence,) = effects(found, 32)
    assert "'pie' of stage 'snap' starts with 32 segments" in sentence
    assert not list(effects(found, 33)) and not list(effects(found))


def test_a_ramp_that_stops_after_its_stage_is_told() -> None:
    (sentence,) = effects(stages(PIE | {"ramp_stop_it": 11}))
    assert "grows until iteration 11, but its stage ends after 10" in sentence
    assert not list(effects(stages(PIE | {"ramp_stop_it": 10})))


def test_a_gated_term_without_weight_is_told() -> None:
    (sentence,) = effects(stages(PIE | {"losses": ["gradmag", "data"]}))
    assert "also gates data, which has weight 0" in sentence
