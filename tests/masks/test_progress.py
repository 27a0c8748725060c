"""How far a mask has grown."""

import pytest

from launch.errors import ConfigError
from launch.masks.progress import check_ramp, progress


@pytest.mark.parametrize(
    ("iteration", "start", "stop", "expected"),
    [
        (0, 10, 20, 0.0),
        (10, 10, 20, 0.0),
        (15, 10, 20, 0.5),
        (20, 10, 20, 1.0),
        (99, 10, 20, 1.0),
        (10, 10, 10, 0.0),  # the first rule wins where both match
        (11, 10, 10, 1.0),
    ],
)
def test_linear(iteration: int, start: int, stop: int, expected: float) -> None:
    assert progress(iteration, start, stop) == pytest.approx(expected)


def test_cosine_eases_in_and_out() -> None:
    assert progress(5, 0, 10, "cosine") == pytest.approx(0.5)
    assert progress(1, 0, 10, "cosine") < 0.05


def test_a_ramp_that_ends_before_it_starts_is_an_error() -> None:
    with pytest.raises(ConfigError, match="ramp_stop_it 5 is before ramp_start_it 9"):
        check_ramp(9, 5)
