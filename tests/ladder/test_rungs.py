"""Experiments with several rungs: in order, interrupted, resumed, applied."""

import json
import os
import signal
from pathlib import Path

import pytest

from launch.record.run import Run, find_runs, locate
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


def test_rungs_run_in_order_and_the_whole_gathers_their_metrics(climb, here, worker):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")  # writes the files
    worker.histories = {"second": [[0.1]]}
    assert here("+experiment=toy/two", "run_dir=run")[0] == 0
    assert worker.names == ["first", "second"]
    assert Run(Path("run")).record["metrics"] == {"val_loss": 0.1}
    assert Run(Path("run/second")).record["parents"][0]["folder"] == "run/first"


def test_finished_rungs_are_skipped(climb, here, worker):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")
    worker.ends = {"second": [143]}
    assert here("+experiment=toy/two", "run_dir=run")[0] == 143
    assert Run(Path("run")).status == "interrupted"
    assert here("+experiment=toy/two", "run_dir=run")[0] == 0
    assert worker.names == ["first", "second", "second"]


def test_some_rungs_are_chosen_and_what_is_typed_for_one_is_taken_away_there(climb, here, worker):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")
    typed = ["rungs=[second]", "rungs.second.seed=3", "~rungs.second.ema", "needs=none"]
    code, printed = here("+experiment=toy/two", *typed, "run_dir=run")
    assert code == 0, printed
    (config,) = worker.configs.values()
    assert (config["name"], config["seed"], "ema" in config) == ("toy/two/second", 3, False)


def test_a_rung_that_fails_ends_the_climb_and_says_why(climb, here, worker):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")
    worker.ends = {"first": [1]}
    assert here("+experiment=toy/two", "run_dir=run")[0] == 1
    assert worker.names == ["first"]
    assert Run(Path("run")).record["error"] == "told to"


def test_one_rung_is_a_run_of_its_own(climb, here, worker):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")
    assert here("+experiment=toy/two/second", "run_dir=run", "rungs.second.seed=3")[0] == 2
    assert here("+experiment=toy/two/second", "run_dir=run", "seed=3")[0] == 0
    assert [config["name"] for config in worker.configs.values()] == [
        "toy/two/first",
        "toy/two/second",
    ]
    assert {config["seed"] for config in worker.configs.values()} == {3}


def test_from_means_the_last_rung_unless_another_is_named(climb, here):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")
    here("+experiment=toy/two", "run_dir=run")
    root = Path()
    assert locate("run", root)[0].folder.name == "second"
    assert locate("run", root, rung="first")[0].folder.name == "first"
    assert locate("run/first", root)[0].folder.name == "first"
    assert locate("latest", root)[1] == Path("run/second/checkpoints/best.ckpt")
    assert len(find_runs(root)) == 3


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


@pytest.mark.slow
def test_resume_skips_what_is_finished_and_changes_what_is_typed(two_rungs):
    _, folder, _ = two_rungs
    assert record(folder / "first")["iteration"] == 4
    assert record(folder)["status"] == "completed"
    assert record(folder / "first")["iteration"] == 4
    assert record(folder / "second")["iteration"] >= 8
    assert record(folder)["metrics"] == record(folder / "second")["metrics"]


@pytest.mark.slow
def test_a_rung_records_its_parent(two_rungs):
    _, folder, _ = two_rungs
    (parent,) = record(folder / "second")["parents"]
    first = Run(folder / "first")
    assert (parent["reference"], parent["checkpoint"]) == ("rung:first", str(first.best))
    assert parent["sha256"] == record(folder / "first")["best"]["sha256"]


@pytest.mark.slow
@pytest.mark.parametrize(("source", "rung"), [(".", "second"), ("first", "first")])
def test_a_run_of_rungs_is_validated_by_folder(two_rungs, tmp_path, source, rung):
    experiment, folder, _ = two_rungs
    code, printed = launch(
        *experiment, "task=validate", f"from={folder / source}", f"run_dir={tmp_path / 'v'}"
    )
    assert code == 0, printed
    assert record(tmp_path / "v")["rung"] == rung
    assert record(tmp_path / "v")["parents"][0]["folder"] == str(folder / rung)


@pytest.mark.slow
def test_a_finished_run_of_rungs_has_nothing_to_resume(two_rungs):
    _, folder, _ = two_rungs
    code, printed = launch(f"resume={folder}")
    assert code == 0
    assert "completed already" in printed
