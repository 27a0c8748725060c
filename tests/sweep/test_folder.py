"""What the folder of a sweep tells about its jobs."""

import json
import os

import pytest

from launch.errors import ConfigError
from launch.record.run import Run
from launch.sweep.folder import Sweep, apart, at_work, latest, names, totals


@pytest.fixture
def sweep(tmp_path):
    """Two jobs that differ in their seed; the first has ended."""
    jobs = [{"place": f"{n}", "overrides": ["experiment=sr/static", f"seed={n}"]} for n in (0, 1)]
    (tmp_path / "sweep.json").write_text(json.dumps({"jobs": jobs}))
    (tmp_path / "0").mkdir()
    Run(tmp_path / "0").note("end", status="completed")
    return Sweep(tmp_path)


def test_jobs_are_read_in_their_order(sweep):
    assert [job.place for job in sweep.jobs] == ["0", "1"]
    assert sweep.statuses() == {"0": "completed", "1": "not started"}


def test_a_job_is_named_by_what_it_does_not_share(sweep):
    assert names(sweep.jobs) == ["seed=0", "seed=1"]
    assert names(sweep.jobs[:1]) == ["experiment=sr/static seed=0"]


def test_what_is_equal_everywhere_tells_nothing_apart():
    assert apart([["a=1", "b=1"], ["a=1", "b=2"]]) == [["b=1"], ["b=2"]]
    assert apart([["a=1"]]) == [["a=1"]]
    assert apart([]) == []


@pytest.mark.parametrize("content", [{"jobs": [{"overrides": []}]}, {"jobs": ["seed=0"]}])
def test_a_list_without_places_is_refused(tmp_path, content):
    (tmp_path / "sweep.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="lists no jobs with places; move its folder away"):
        _ = Sweep(tmp_path).jobs


def test_a_folder_without_a_list_has_no_jobs(tmp_path):
    assert Sweep(tmp_path).jobs == []
    assert latest(tmp_path) is None


def test_totals_count_by_status():
    assert totals(["completed", "failed", "completed"]) == "3 jobs: 2 completed, 1 failed"
    assert totals(["running"]) == "1 job: 1 running"


def test_the_latest_sweep_is_that_written_last(tmp_path):
    for age, name in enumerate(("new", "old")):
        path = tmp_path / name / "sweep.json"
        path.parent.mkdir()
        path.write_text("{}")
        os.utime(path, (1000 - age, 1000 - age))
    assert latest(tmp_path) == Sweep(tmp_path / "new")


def test_at_work_is_what_a_process_holds(tmp_path):
    run = Run(tmp_path / "run")
    run.start()
    assert at_work(tmp_path) == []  # recorded as running, but nobody holds it
    with run.lock():
        assert [found.folder for found in at_work(tmp_path)] == [run.folder]
