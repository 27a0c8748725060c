"""A climb as jobs that wait for each other."""

from pathlib import Path

import pytest

from launch.composition.compose import compose, started
from launch.composition.typed import Typed
from launch.ladder.climb import climber_of
from launch.ladder.graph import steps
from launch.record.run import Run

CHAIN = """rungs:
  - {experiment: toy/a}
  - {experiment: toy/two}
  - {experiment: toy/b, gates: [{type: threshold, metric: val_loss, at_most: 1.0, on_fail: stop}]}
  - {experiment: toy/c}
"""


def planned(*typed: str, folder: str = "there") -> dict[str, list[str]]:
    """What each step waits for."""
    with started():
        composition = compose(list(typed))
        read = Typed.read(composition.overrides)
        climber = climber_of(composition, Path(folder), read)
        found = steps(climber, climber.described(composition), Path(folder), read)
    return {step.name: step.needs for step in found}


def test_a_rung_waits_for_what_it_starts_from_and_for_gates_that_may_stop():
    found = planned("ladder=pbr", "rungs=[phase_a0,phase_a,phase_b,phase_c]")
    assert found == {
        "pbr/phase_a0": [],
        "pbr/phase_a": ["pbr/phase_a0"],  # whose gate may stop
        "pbr/phase_b": ["pbr/phase_a0", "pbr/phase_a"],
        "pbr/phase_c": ["pbr/phase_a0", "pbr/phase_a", "pbr/phase_b"],  # compared with phase A
    }


def test_an_experiment_waits_for_what_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert planned("experiment=pbr/phase_b") == {
        "pbr/phase_a0": [],
        "pbr/phase_a": ["pbr/phase_a0"],
        "pbr/phase_b": ["pbr/phase_a0", "pbr/phase_a"],
    }


@pytest.mark.parametrize("order", ["a two b c", "two a b c", "a b two c"])
def test_steps_in_any_order_that_suits_leave_what_a_climb_does(order, climb, here, worker):
    typed = ["+ladder=toy", f"run_dir={climb.folder}"]
    climb(CHAIN, "--cfg", "job")  # writes the files
    for step in order.split():
        assert Run(climb.folder).status != "completed"
        code, printed = here(*typed, f"step={step}")
        assert code == 0, printed
    assert worker.names == [
        name for step in order.split() for name in {"two": ["first", "second"]}.get(step, [step])
    ]
    run = Run(climb.folder)
    assert (run.status, run.record["exit_code"]) == ("completed", 0)
    assert "completed" in (climb.folder / "ladder.md").read_text()
    assert here(*typed)[0] == 0  # there is nothing left to climb
    assert len(worker.names) == 5


def test_a_step_behind_a_closed_gate_is_never_begun_by_the_cluster(climb, here, worker):
    climb(CHAIN, "--cfg", "job")
    worker.histories = {"b": [[2.0]]}
    typed = ["+ladder=toy", f"run_dir={climb.folder}"]
    assert here(*typed, "step=a")[0] == 0
    assert here(*typed, "step=b")[0] == 4  # not 0, which those that wait would need
    run = Run(climb.folder)
    assert (run.status, run.record["error"]) == ("failed", "a gate stays closed")


def test_an_unknown_step_is_answered_with_those_there_are(climb):
    code, printed = climb(CHAIN, "step=bb")
    assert code == 2
    assert "step=bb: toy has no such rung. Did you mean 'b'?" in printed
