"""What has happened to a run, and the record that follows from it."""

import json
import os

import pytest

from launch.errors import ConfigError
from launch.record.ledger import FILE, events
from launch.record.run import Run, find_runs
from launch.record.storage import read_json


@pytest.fixture
def run(tmp_path):
    """A run that was started, validated and stopped."""
    run = Run(tmp_path / "run")
    run.start(task="train", experiment="sr/static", command="python -m launch")
    run.note("validation", iteration=10, metrics={"psnr": 20.0})
    run.finish("interrupted", signal="SIGTERM")
    return run


def kinds(run):
    return [event["event"] for event in events(run.folder)]


def test_every_event_is_a_line_and_the_record_follows_from_them(run):
    assert kinds(run) == ["start", "validation", "end"]
    assert all(event["at"].endswith("+00:00") for event in events(run.folder))
    record = read_json(run.folder / "run.json")
    assert record == run.record == Run(run.folder).record
    assert (record["status"], record["signal"]) == ("interrupted", "SIGTERM")
    assert (record["iteration"], record["metrics"]) == (10, {"psnr": 20.0})


def test_a_resume_says_where_and_by_what_and_the_start_is_kept(run, monkeypatch):
    monkeypatch.setattr("launch.record.origin.platform.node", lambda: "node7")
    run.resume(typed="python -m launch resume=run trainer.log_every=3")
    assert run.record["host"] == "node7"
    assert run.record["status"] == "running"
    assert run.record["signal"] is run.record["ended"] is None
    first, *_, last = events(run.folder)
    assert first["host"] != "node7" and first["versions"]["python"]
    assert last["typed"].endswith("log_every=3")


def test_a_start_begins_the_record_anew(run):
    run.start(task="validate")
    assert "signal" not in run.record and run.record["metrics"] == {}
    assert kinds(run) == ["start", "validation", "end", "start"]


@pytest.mark.parametrize("left", [None, "", '{"status": "comp'])
def test_a_record_that_is_damaged_or_gone_follows_from_the_events(run, left):
    path = run.folder / "run.json"
    wanted = read_json(path)
    path.unlink() if left is None else path.write_text(left)
    assert Run(run.folder).record == wanted
    assert [found.folder for found in find_runs(run.folder.parent)] == [run.folder]
    with Run(run.folder).lock():
        assert read_json(path) == wanted


def test_a_kill_between_event_and_record_is_made_up_by_the_next_owner(run, monkeypatch):
    monkeypatch.setattr("launch.record.run.storage.write_json", lambda *_, **__: None)
    run.note("verdict", gate={"passed": True})
    monkeypatch.undo()
    assert read_json(run.folder / "run.json")["gate"] is None
    with Run(run.folder).lock():
        assert read_json(run.folder / "run.json")["gate"] == {"passed": True}


def test_a_line_cut_off_at_any_byte_never_happened_and_gives_way_to_the_next(run):
    path = run.folder / FILE
    whole = path.read_bytes()
    begin = whole.rstrip().rfind(b"\n") + 1
    for end in range(begin, len(whole)):
        path.write_bytes(whole[:end])
        (run.folder / "run.json").unlink()
        cut = Run(run.folder)
        assert cut.record["status"] == "running"
        cut.note("validation", iteration=20)
        assert kinds(cut) == ["start", "validation", "validation"]
        assert cut.record["iteration"] == 20


def test_a_damaged_line_within_is_made_up_by_the_record(run, capsys):
    path = run.folder / FILE
    path.write_bytes(path.read_bytes().replace(b'{"event": "start"', b'{"event# "start"'))
    with Run(run.folder).lock():
        assert read_json(run.folder / "run.json")["experiment"] == "sr/static"
    assert f"{path} is damaged" in capsys.readouterr().err


def test_a_folder_that_was_kept_without_events_goes_on_with_its_record(tmp_path):
    record = {"status": "interrupted", "task": "train", "iteration": 40, "seed": 3}
    (tmp_path / "run.json").write_text(json.dumps(record))
    run = Run(tmp_path)
    with run.lock():
        assert run.record == record
        run.resume()
    (tmp_path / "run.json").unlink()
    found = Run(tmp_path).record
    assert (found["status"], found["iteration"], found["seed"]) == ("running", 40, 3)
    assert kinds(run) == ["before", "resume"]


def test_without_events_a_damaged_record_is_told(tmp_path):
    (tmp_path / "run.json").write_text('{"status"')
    with pytest.raises(ConfigError, match="is damaged"):
        _ = Run(tmp_path).record


def test_several_processes_that_hold_the_lock_in_turn_lose_no_field(run):
    """As the front end and its worker: each looks up what the other has noted."""
    other = Run(run.folder)
    other.note("validation", metrics={"psnr": 21.0})
    run.note("exit", exit_code=143)
    assert run.record["metrics"] == {"psnr": 21.0}
    assert other.derive().record["exit_code"] == 143


def test_what_is_only_shown_is_no_event(run, tmp_path):
    wanted = run.record
    run.show(status="waiting")
    assert Run(run.folder).record["status"] == "waiting"
    assert run.derive().record == wanted == read_json(run.folder / "run.json")
    new = Run(tmp_path / "new")
    with new.lock():
        new.show(status="waiting")
        new.derive()
    assert os.listdir(new.folder) == [".lock"]
