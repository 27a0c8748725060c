"""The terminal tables say when something changes and how."""

import pytest

from launch.schedules import Exponential, LossWeight, Points, Schedule
from launch.show.plan_table import course, end, fixed, number, shown, tables
from launch.show.planned import MaskGrowth, MaskSpan, Planned, collect
from tests.show.configs import config


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (LossWeight(0.5, disable_after=50), "49: 0.5\n50: 0"),
        (LossWeight(0.1, target_weight=0.3, target_iter=40), "40: 0.3"),
        (Points([[0, 0.0], [20, 1.0], [60, 0.0]]), "20: 1\n60: 0"),
        (LossWeight(1.0), ""),
    ],
)
def test_course_shows_jumps_from_both_sides_and_bends_once(
    schedule: Schedule, expected: str
) -> None:
    assert course(Planned("losses.a", schedule, 100)) == expected


def test_many_points_are_shown_a_few_at_a_time() -> None:
    shown = list(tables([Planned("losses.a", LossWeight(start_iter=9), 100)], list(range(13))))
    assert [len(table.columns) for table in shown] == [5, 7, 7, 2]


def test_an_end_is_told_only_where_it_is_known() -> None:
    falling = Exponential(1.0, 0.5, floor=0.25)
    assert end(Planned("t", falling, 20, length_known=False)) == "0.25 (end unknown)"
    known = Planned("t", falling, 8, updates_per_epoch=40)
    assert end(known) == "7: 0.25", "no epoch begins at 8"
    late = Points([[0, 64], [3, 96]], unit="epoch")
    assert [course(Planned("crop", late, last)) for last in (3, 4)] == ["", "3: 96"]
    assert course(known) == "2 (iteration 80): 0.25"


def test_what_stays_is_a_line_and_no_row() -> None:
    data = {"game_share": 0.25, "balanced": True, "root": "x"}
    settings = config(losses={"a": {"type": "l1"}}, data=data, trainable={"norm_only": True})
    settings["module"] = {"weights": "experiment:x/y"}
    planned = collect(settings)
    assert list(tables(planned, [])) == []
    assert [line for _, line in fixed(planned, settings)] == [
        "constant: losses.a 1",
        "data: game_share 0.25, balanced true",
        "trains: norms only",
        "starts from: experiment:x/y",
    ]


def test_numbers_are_short() -> None:
    assert [number(v) for v in (0, 1.0, 0.19000000000000003, 1e-5)] == ["0", "1", "0.19", "1e-05"]


def test_the_span_of_a_mask_stands_for_its_share() -> None:
    growth = MaskGrowth(10, 50)
    span = Planned("masks.disc.pixels", MaskSpan(growth, 4, 32), 100)
    share = Planned("masks.disc", growth, 100)
    other = Planned("stages.crop", Points([[10, 4.0], [50, 30.0]]), 100)
    assert shown([share, other, span]) == [other, span]
