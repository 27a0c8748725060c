"""The run folder: atomic records, status, and what `from=` means."""

import fcntl
import json
import os

import pytest

from launch.errors import MissingError
from launch.record.run import Run, find_runs, locate


def finished(folder, experiment="sr/static", started="2026-01-01", **fields):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"weights")
    record = {"status": "completed", "task": "train", "experiment": experiment, "started": started}
    (folder / "run.json").write_text(json.dumps(record | fields))
    return Run(folder)


def test_a_started_run_says_where_it_comes_from(tmp_path):
    run = Run(tmp_path / "run")
    run.start(experiment="sr/static", seed=3)
    record = run.record
    assert record["status"] == "running"
    assert record["seed"] == 3
    assert record["versions"]["python"]
    assert record["git"] is None or set(record["git"]) == {"commit", "dirty"}
    run.finish("completed", metrics={"psnr_y": 30.0})
    assert run.record["metrics"] == {"psnr_y": 30.0}
    assert run.record["ended"] >= record["started"]


def test_no_half_written_record_is_left(tmp_path):
    run = Run(tmp_path)
    run.note("end", a=1)
    run.note("end", b=2)
    assert run.record == {"a": 1, "b": 2}
    assert sorted(os.listdir(tmp_path)) == ["events.jsonl", "run.json"]


def test_a_running_record_without_a_process_is_an_interrupted_run(tmp_path):
    run = Run(tmp_path)
    run.note("end", status="running")
    assert run.status == "interrupted"
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert run.status == "running"


def test_latest_is_the_newest_finished_training_of_the_experiment(tmp_path):
    finished(tmp_path / "a", started="2026-01-01")
    finished(tmp_path / "b", started="2026-01-03")
    finished(tmp_path / "c", started="2026-01-04", experiment="sr/gan_ramp")
    finished(tmp_path / "d", started="2026-01-05", status="failed")
    finished(tmp_path / "e", started="2026-01-06", task="predict")
    assert locate("latest", tmp_path, "sr/static")[0].folder.name == "b"
    assert locate("latest", tmp_path)[0].folder.name == "c"
    assert [run.folder.name for run in find_runs(tmp_path)] == ["a", "b", "c", "d", "e"]


def test_best_is_preferred_to_last(tmp_path):
    run = finished(tmp_path / "run")
    assert locate(str(run.folder), tmp_path)[1] == run.last
    run.best.write_bytes(b"better")
    assert locate(str(run.folder), tmp_path)[1] == run.best
    assert locate(str(run.last), tmp_path)[1] == run.last


def test_a_missing_run_names_the_nearest(tmp_path):
    run = finished(tmp_path / "static")
    with pytest.raises(MissingError, match=r"Did you mean .*static"):
        locate(str(run.folder) + "x", tmp_path)
    with pytest.raises(MissingError, match="train one: python -m launch"):
        locate("latest", tmp_path / "empty")


def test_a_folder_of_model_files_names_one(tmp_path):
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(MissingError, match=r"Give one of its files, such as from=.*model\.saf"):
        locate(str(tmp_path), tmp_path / "runs")


@pytest.mark.parametrize("name", ["a.pth", "a.PTH", "a.pth.tar", "model.safetensors.index.json"])
def test_model_files_of_any_program_are_taken_and_pictures_are_not(tmp_path, name):
    (tmp_path / name).touch()
    assert locate(str(tmp_path / name), tmp_path)[1] == tmp_path / name
    (tmp_path / "a.png").touch()
    with pytest.raises(MissingError, match="this is no checkpoint"):
        locate(str(tmp_path / "a.png"), tmp_path)
