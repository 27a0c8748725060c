"""Events say what a schedule does where it changes."""

import pytest

from launch.schedules import LossWeight, Points, Schedule
from launch.show.events import events
from launch.show.planned import Planned


@pytest.mark.parametrize(
    ("schedule", "sentences"),
    [
        (LossWeight(0.08, start_iter=20), [(20, "losses.a 0 → 0.08")]),
        (LossWeight(0.5, disable_after=50), [(50, "losses.a 0.5 → 0")]),
        (
            LossWeight(0.0, start_iter=20, target_iter=40, target_weight=0.1),
            [(20, "losses.a rises from 0"), (40, "losses.a reaches 0.1")],
        ),
        (
            Points([[0, 1.0], [30, 0.0], [60, 1.0]]),
            [(30, "losses.a turns at 0"), (60, "losses.a reaches 1")],
        ),
        (LossWeight(1.0), []),
    ],
)
def test_every_kind_of_change(schedule: Schedule, sentences: list[tuple[int, str]]) -> None:
    assert events([Planned("losses.a", schedule, 100)], None) == sentences


def test_epochs_become_iterations_where_their_length_is_known() -> None:
    share = Planned("data.share", Points([[0, 0.0], [4, 1.0]], unit="epoch"), 10)
    assert events([share], 2.5) == [(10, "data.share reaches 1")]
    assert events([share], None) == []
