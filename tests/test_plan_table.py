"""The terminal tables say when something changes and how."""

import pytest

from launch.schedules import LossWeight, Points, Schedule
from launch.show.plan import Planned
from launch.show.plan_table import course, number, tables


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
    shown = list(tables([Planned("losses.a", LossWeight(), 100)], list(range(13))))
    assert [len(table.columns) for table in shown] == [5, 7, 7, 2]


def test_numbers_are_short() -> None:
    assert [number(v) for v in (0, 1.0, 0.19000000000000003, 1e-5)] == ["0", "1", "0.19", "1e-05"]
