"""The last lines of a command say what came out and what to type next."""

import pytest

from launch.front.conclusion import conclude, numbers, picture
from launch.record.run import Run


@pytest.fixture
def run(tmp_path):
    """A finished training whose last validation was not its best."""
    run = Run(tmp_path / "run")
    (run.folder / "images").mkdir(parents=True)
    run.note(
        "end",
        task="train", status="completed", experiment="sr/static", iteration=30, command="typed",
        metrics={"psnr_y": 25.0, "psnr_y_bicubic": 24.0, "seconds": 1.0},
        main_metric={"name": "psnr_y"},
        best={"iteration": 20, "value": 25.5},
    )  # fmt: skip
    return run


def test_a_number_stands_beside_its_baseline_and_before_the_best(run):
    first, best, every = numbers(run.record, run)
    assert first.split() == ["psnr_y", "25", "bicubic", "24", "better"]
    assert best.startswith("best: psnr_y 25.5 after 20 iterations")
    assert every == f"all 3 numbers: {run.folder / 'run.json'}"


def test_a_run_whose_last_is_its_best_says_so_by_silence(run):
    record = run.record | {"iteration": 20}
    assert not any(line.startswith("best") for line in numbers(record, run))


def test_without_a_main_metric_the_first_three_are_shown(run):
    values = dict(zip("abcd", (1.0, 2.0, 3.0, 4.0), strict=True))
    run.note("end", main_metric=None, best=None, metrics=values)
    assert numbers(run.record, run)[:3] == ["a 1", "b 2", "c 3"]


def test_the_last_picture_is_named_with_what_it_shows(run):
    assert picture(run.record, run) == []
    for iteration in (100, 200):
        (run.folder / "images" / f"{iteration:07}.png").touch()
    named, shown = [*picture(run.record, run), ""][:2]
    assert named == f"picture: {run.folder / 'images' / '0000200.png'}"
    assert shown == "" or shown.startswith("  ")


def test_a_training_ends_with_what_to_type_next(run, capsys):
    conclude(run, 0)
    printed = capsys.readouterr().out
    assert f"task=predict from={run.folder}" in printed
    assert printed.splitlines()[-1] == f"{run.folder}  repeat: typed"


def test_one_that_was_stopped_ends_with_how_to_resume(run, capsys):
    conclude(run, 143)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"{run.folder}  resume: ")
    assert last.endswith(f"resume={run.folder}")


@pytest.mark.parametrize(
    ("code", "iteration", "word"),
    [(143, 0, "resume: "), (1, 0, "resume: "), (3, 20, "resume: "), (2, 0, "repeat: typed")],
)
def test_a_run_is_resumed_unless_it_was_refused_before_it_began(run, code, iteration, word, capsys):
    run.note("end", status="failed", iteration=iteration)
    conclude(run, code)
    assert word in capsys.readouterr().out.splitlines()[-1]
