"""What a person sees before and between the trainings of a climb."""

from types import SimpleNamespace

import pytest

from launch.composition.compose import compose, started
from launch.errors import LaunchError
from launch.ladder.screen import outline, told_of, waiting
from launch.ladder.target import Target
from launch.record.run import Run


@pytest.fixture(scope="module")
def composition():
    with started():
        yield compose(["experiment=sr/static"])


@pytest.fixture
def target(composition):
    return Target("sr/static", composition, composition.plain)


def test_one_training_says_how_long_it_takes_and_nothing_else(target, capsys):
    outline([target])
    assert capsys.readouterr().out.startswith("time: ")


def test_several_are_counted_and_named_in_order(target, composition, capsys):
    rung = SimpleNamespace(short="one")
    ladder = SimpleNamespace(of="toy/two")
    whole = Target("toy/two", composition, {}, ladder, [(rung, target), (rung, target)])
    outline([target, whole])
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "2 experiments, 3 trainings: sr/static, then toy/two"


def test_while_others_train_its_folder_says_that_it_waits(target, tmp_path):
    run = Run(tmp_path / "run")
    with waiting(target, run, ["first", "second"]):
        seen = Run(run.folder)
        assert (seen.status, seen.record["error"]) == ("waiting", "waits for second")
        assert seen.record["overrides"] == ["experiment=sr/static"]
    assert run.record == {}  # as before


def test_what_it_was_before_is_there_again_also_after_an_error(target, tmp_path):
    run = Run(tmp_path / "run")
    run.note("end", status="interrupted", iteration=9)
    with pytest.raises(LaunchError), waiting(target, run, ["first"]):
        assert Run(run.folder).record["iteration"] == 9
        raise LaunchError("the first one failed")
    after = Run(run.folder).record
    assert (after["status"], after["iteration"]) == ("interrupted", 9)


def test_numbers_with_a_baseline_are_told(tmp_path):
    run = Run(tmp_path / "run")
    run.note("end", metrics={"psnr": 30.0, "psnr_bicubic": 28.0, "seconds": 1.0}, main_metric=None)
    assert [line.split() for line in told_of(run)] == [["psnr", "30", "bicubic", "28", "better"]]
