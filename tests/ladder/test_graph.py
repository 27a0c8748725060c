"""A climb as jobs that wait for each other."""

from pathlib import Path

from launch.composition.compose import compose, started
from launch.composition.typed import Typed
from launch.ladder.climb import climber_of
from launch.ladder.graph import steps
from launch.record.run import Run

CHAIN = """rungs:
  - {experiment: toy/a}
  - {experiment: toy/two}
  - {experiment: toy/b, gates: [{type: threshold, metric: val_loss, at_most: 1.0, on_fail: stop}]}
  - {experiment: sr/static, gates: [{type: forgetting, metric: val_loss, since: toy/two}]}
"""


def planned(*typed: str) -> dict[str, list[str]]:
    """What each step waits for."""
    with started():
        composition = compose(list(typed))
        read = Typed.read(composition.overrides)
        climber = climber_of(composition, Path("there"), read)
        found = steps(climber, climber.described(composition), Path("there"), read)
    return {step.name: step.needs for step in found}


def test_a_step_waits_for_what_it_needs(climb):
    climb(CHAIN, "--cfg", "job")  # writes the files
    assert planned("ladder=toy") == {
        "toy/a": [],
        "toy/two": [],
        "toy/b": ["toy/a"],  # starts from it
        "sr/static": ["toy/two", "toy/b"],  # is compared with the one; the other's gate may stop
    }
    assert planned("experiment=toy/c") == {  # with what comes first
        "toy/a": [],
        "toy/b": ["toy/a"],
        "toy/c": ["toy/a", "toy/b"],
    }


def test_steps_in_another_order_leave_what_a_climb_does(climb, here, worker):
    typed = ["+ladder=toy", f"run_dir={climb.folder}"]
    climb(CHAIN, "--cfg", "job")
    for step in ("two", "a", "b", "static"):
        assert Run(climb.folder).status != "completed"
        code, printed = here(*typed, f"step={step}")
        assert code == 0, printed
    assert worker.names == ["first", "second", "a", "b", "static"]
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
