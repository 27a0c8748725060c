"""Experiments with several rungs: in order, interrupted, resumed, applied."""

import json
import os
import signal

import pytest
from launch.rungs import climb

from launch.errors import MissingError
from launch.record.run import Run, find_runs, locate, sha256
from tests.command_line import launch, stopped

TWO_RUNGS = """
# @package _global_
defaults:
  - /base/sr
  - _self_

losses:
  pixel: {type: l1}
rungs:
  first: {trainer: {max_iterations: 4}}
  second: {from: "rung:first", trainer: {max_iterations: 400}}
demo:
  module: {network: {num_feat: 8, num_conv: 1}}
  data: {scenes: 4, size: 96, crop: 16, batch_size: 2, validation_images: 1}
  trainer: {validate_every: 4, checkpoint_every: 2, log_every: 2, threads: 1}
"""


def worker(order):
    """Stands for a training: leaves a checkpoint and a metric, and notes that it was called."""

    def start(run, name, config, finished):
        order.append((name, list(finished)))
        if config.get("code"):
            run.start(rung=name)
            run.finish("failed", error="no luck")
            return config["code"]
        (run.folder / "checkpoints").mkdir(parents=True)
        run.best.write_bytes(name.encode())
        parents = [parent(before) for before in finished.values()]
        run.start(rung=name, parents=parents)
        run.finish("completed", metrics={name: 1.0, "val": len(finished)}, iteration=9)
        return 0

    return start


def parent(run):
    return {"folder": str(run.folder), "checkpoint": str(run.best), "sha256": sha256(run.best)}


def whole_run(folder):
    run = Run(folder)
    run.start(experiment="toy/two", task="train", rungs=["a", "b"])
    return run


def test_rungs_run_in_order_and_the_whole_gathers_their_metrics(tmp_path):
    run, order = whole_run(tmp_path / "run"), []
    assert climb(run, {"a": {}, "b": {}}, worker(order)) == 0
    assert order == [("a", []), ("b", ["a"])]
    assert run.record["metrics"] == {"a": 1.0, "b": 1.0, "val": 1}
    assert run.status == "completed"


def test_finished_rungs_are_skipped(tmp_path):
    run, order = whole_run(tmp_path / "run"), []
    assert climb(run, {"a": {}, "b": {"code": 143}}, worker(order)) == 143
    assert run.status == "failed"
    assert climb(run, {"a": {}, "b": {}}, worker(order)) == 0
    assert [name for name, _ in order] == ["a", "b", "b"]
    assert run.status == "completed"


def test_a_rung_that_fails_ends_the_climb_and_says_why(tmp_path):
    run, order = whole_run(tmp_path / "run"), []
    assert climb(run, {"a": {"code": 1}, "b": {}}, worker(order)) == 1
    assert [name for name, _ in order] == ["a"]
    assert run.record["error"] == "no luck"


def test_a_rung_whose_parent_is_another_file_now_is_refused(tmp_path):
    run = whole_run(tmp_path / "run")
    climb(run, {"a": {}, "b": {}}, worker([]))
    Run(run.folder / "a").best.write_bytes(b"trained again")
    with pytest.raises(MissingError, match="was trained from"):
        climb(run, {"a": {}, "b": {}}, worker([]))


def test_from_means_the_last_rung_unless_another_is_named(tmp_path):
    run = whole_run(tmp_path / "run")
    climb(run, {"a": {}, "b": {}}, worker([]))
    assert locate(str(run.folder), tmp_path)[0].folder.name == "b"
    assert locate(str(run.folder), tmp_path, rung="a")[0].folder.name == "a"
    assert locate(str(run.folder / "a"), tmp_path)[0].folder.name == "a"
    assert locate("latest", tmp_path)[1] == run.folder / "b" / "checkpoints" / "best.ckpt"
    assert len(find_runs(tmp_path)) == 3


# Through the command line

EXPERIMENT = "+experiment=toy/two"


def record(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.fixture(scope="module")
def two_rungs(tmp_path_factory):
    """A run that was stopped in its second rung and resumed, and what resuming it printed."""
    search = tmp_path_factory.mktemp("conf")
    (search / "experiment" / "toy").mkdir(parents=True)
    (search / "experiment" / "toy" / "two.yaml").write_text(TWO_RUNGS.lstrip())
    folder, experiment = search / "run", [f"hydra.searchpath=[file://{search}]", EXPERIMENT]
    typed, saved = [*experiment, f"run_dir={folder}"], Run(folder / "second").last.exists
    assert stopped(*typed, when=saved, number=signal.SIGTERM, send=os.kill) == 143
    assert record(folder)["status"] == "interrupted"
    code, printed = launch(f"resume={folder}", "rungs.second.trainer.max_iterations=8")
    assert code == 0, printed
    return experiment, folder, printed


def test_resume_skips_what_is_finished_and_changes_what_is_typed(two_rungs):
    _, folder, printed = two_rungs
    assert "first: completed already" in printed
    assert record(folder)["status"] == "completed"
    assert record(folder / "first")["iteration"] == 4
    assert record(folder / "second")["iteration"] >= 8
    assert record(folder)["metrics"] == record(folder / "second")["metrics"]


def test_a_rung_records_its_parent(two_rungs):
    _, folder, _ = two_rungs
    assert record(folder / "second")["parents"] == [parent(Run(folder / "first"))]


@pytest.mark.parametrize(("source", "rung"), [(".", "second"), ("first", "first")])
def test_a_run_of_rungs_is_validated_by_folder(two_rungs, tmp_path, source, rung):
    experiment, folder, _ = two_rungs
    code, printed = launch(
        *experiment, "task=validate", f"from={folder / source}", f"run_dir={tmp_path / 'v'}"
    )
    assert code == 0, printed
    assert record(tmp_path / "v")["rung"] == rung
    assert record(tmp_path / "v")["parents"][0]["folder"] == str(folder / rung)


def test_a_finished_run_of_rungs_has_nothing_to_resume(two_rungs):
    _, folder, _ = two_rungs
    code, printed = launch(f"resume={folder}")
    assert code == 0
    assert "completed already" in printed
