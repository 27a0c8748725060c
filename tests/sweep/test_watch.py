"""Following and stopping what runs, from anywhere that sees the folder."""

import json

import pytest

from launch.errors import MissingError
from launch.record.run import Run
from launch.sweep import watch
from launch.sweep.watch import cancel, meant, statuses


@pytest.fixture
def swept(tmp_path):
    """A sweep of two jobs, one of which has not started."""
    folder = tmp_path / "swept"
    jobs = [{"place": f"{n}", "overrides": [f"seed={n}"]} for n in (0, 1)]
    (folder / "0").mkdir(parents=True)
    (folder / "sweep.json").write_text(json.dumps({"jobs": jobs}))
    Run(folder / "0").note(
        "end", status="completed", main_metric={"name": "psnr"}, metrics={"psnr": 25.0}
    )
    return folder


def test_nothing_typed_means_the_latest_sweep(swept, tmp_path):
    assert meant(None, tmp_path) == swept
    assert meant(str(swept), tmp_path) == swept
    with pytest.raises(MissingError, match=r"no sweep is below .*; type run_dir=FOLDER"):
        meant(None, tmp_path / "elsewhere")
    with pytest.raises(MissingError, match="neither a sweep nor a run"):
        meant(str(tmp_path / "elsewhere"), tmp_path)


def test_every_job_has_its_status_and_metric(swept):
    assert statuses(swept) == {"seed=0": "completed psnr 25", "seed=1": "waiting"}


def test_a_folder_of_runs_is_told_run_by_run(tmp_path):
    Run(tmp_path / "run").start()
    assert statuses(tmp_path) == {str(tmp_path / "run"): "interrupted"}


def test_watching_ends_with_a_table_and_tells_what_is_missing(swept, capsys, monkeypatch):
    monkeypatch.setattr(watch.time, "sleep", lambda seconds: pytest.fail("nothing runs"))
    assert watch.watch(swept) == 1
    assert "2 jobs: 1 completed, 1 waiting" in capsys.readouterr().out
    assert list(swept.glob("*.csv"))


def test_a_stop_reaches_the_sweep_and_its_running_job(swept, capsys):
    assert cancel(swept) == 0
    assert "nothing runs" in capsys.readouterr().out
    job = Run(swept / "1")
    job.start()
    with job.lock():
        assert cancel(swept) == 0
    assert Run(swept).is_asked_to_stop and job.is_asked_to_stop
    assert not Run(swept / "0").is_asked_to_stop
    assert "asked 1 running job below" in capsys.readouterr().out
