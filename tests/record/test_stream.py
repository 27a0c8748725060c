"""A run does not go on with other data or batches unless that is accepted by name."""

from dataclasses import asdict

import pytest

from launch.errors import ConfigError
from launch.record.run import Run
from launch.record.stream import Stream

BEFORE = Stream("kodak-1f", batch=8)


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    run.note("end", stream=asdict(BEFORE))
    return run


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        (Stream("kodak-2c", 8), ["data"]),
        (Stream("kodak-1f", 4), ["batch"]),
        (Stream("kodak-2c", 4), ["data", "batch"]),
    ],
)
def test_what_has_changed_is_refused_until_it_is_accepted(run, now, changed):
    with pytest.raises(ConfigError) as caught:
        now.require_accepted(run, ())
    assert f"accept=[{','.join(changed)}]" in caught.value.message
    assert all(f"{name} (" in caught.value.message for name in changed)
    now.require_accepted(run, changed)


def test_what_is_accepted_is_no_leave_for_the_rest(run):
    with pytest.raises(ConfigError, match="other batch "):
        Stream("kodak-2c", 16).require_accepted(run, ["data"])


def test_the_same_stream_and_one_of_which_nothing_is_recorded_go_on(run, tmp_path):
    BEFORE.require_accepted(run, ())
    BEFORE.require_accepted(Run(tmp_path / "other"), ())


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_the_batch_of_all_ranks_counts_in_records_of_an_earlier_version_too(ranks, tmp_path):
    run = Run(tmp_path)
    run.note("train", stream={"data": "kodak-1f", "batch": 8 // ranks, "ranks": ranks})
    BEFORE.require_accepted(run, ())
