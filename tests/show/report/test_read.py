"""A run folder is read in whatever state it is; what cannot be read is a note."""

import json
from pathlib import Path

import pytest

from launch.record.history import seconds
from launch.show.report.read import Notes, Reader, find, logged, read_run, thinned
from tests.show.report.runs import make


def test_a_run_is_read_with_its_curves_and_the_events_of_its_schedules(tmp_path: Path) -> None:
    notes = Notes()
    run = read_run(make(tmp_path / "a"), notes)
    assert run is not None and not notes.found
    assert run.main_metric == ("psnr_y", "max") and run.main_value == 27.0
    assert seconds(run.record) == 300
    assert run.series["psnr_y"] == ([20, 40, 60], [25.5, 26.5, 27.0])
    assert run.series["loss/total"] == ([0, 20, 40, 60], [0.5, 0.4, None, 0.2])
    assert run.events == [(20, "losses.gan 0 → 1")]
    assert list(run.schedule) == ["losses.gan"]  # the constant weight is no course


def test_settings_leave_out_places_and_name_a_parent_by_its_file(tmp_path: Path) -> None:
    parent = {"folder": "runs/a", "checkpoint": "runs/a/checkpoints/best.ckpt"}
    folder = make(tmp_path / "b", parents=[parent])
    with (folder / "config.yaml").open("a") as file:
        file.write("from: runs/a/checkpoints/best.ckpt\n")
    run = read_run(folder, Notes())
    assert run is not None
    assert "run_dir" not in run.config
    assert run.config["module.optimizer.lr"] == "0.001"
    assert run.config["from"] == "a parent's best.ckpt"


@pytest.mark.parametrize("text", ['{"status": "comp', "", "[1, 2]", "null"])
def test_an_unreadable_record_is_a_note(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    notes = Notes()
    assert read_run(tmp_path, notes) is None
    assert [note["where"] for note in notes.found] == [str(tmp_path)]


@pytest.mark.parametrize(
    ("name", "content", "lost"),
    [
        ("metrics.csv", "iteration,psnr_y\n1,high\n", "series"),
        ("metrics.csv", "epoch,psnr_y\n1,2\n", "series"),
        ("config.yaml", "a: [1", "config"),
        ("config.yaml", "just text", "config"),
        ("run.json", '{"status": "completed", "metrics": {"psnr_y": "high"}}', "metrics"),
        ("run.json", '{"status": "completed", "metrics": 5}', "metrics"),
    ],
)
def test_a_damaged_part_costs_that_part_only(
    name: str, content: str, lost: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "a")
    (folder / name).write_text(content)
    notes = Notes()
    run = read_run(folder, notes)
    assert run is not None and len(notes.found) == 1
    assert not getattr(run, lost)
    assert run.status == "completed"


def test_a_half_written_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("iteration,psnr_y\n10,25.5\n20,2")
    assert logged(path) == {"psnr_y": ([10], [25.5])}


def test_epochs_are_placed_where_the_length_of_one_is_known(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", updates_per_epoch=7)
    node = {"_target_": "launch.schedules.Points", "points": [[0, 0], [4, 1]], "unit": "epoch"}
    config = {"data": {"share": node}, "trainer": {"max_epochs": 8, "max_iterations": None}}
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    run = read_run(folder, Notes())
    assert run is not None
    assert run.events == [(28, "data.share reaches 1")]


def test_folders_are_found_once_however_often_they_match(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a"), make(tmp_path / "a" / "rung")
    assert find([tmp_path, tmp_path / "a", tmp_path / "nothing"], Notes()) == [first, second]


def test_a_reader_sees_what_has_changed(tmp_path: Path) -> None:
    folder, reader = make(tmp_path / "a", status="failed"), Reader()
    first = reader.read(folder, Notes())
    assert reader.read(folder, Notes()) is first
    (folder / "metrics.csv").write_text("iteration,psnr_y\n1,2\n")
    second = reader.read(folder, Notes())
    assert second is not None and second.series == {"psnr_y": ([1], [2.0])}


def test_a_thinned_course_keeps_its_changes() -> None:
    assert thinned(range(101), 4, [33]) == [0, 25, 32, 33, 50, 75, 100]
