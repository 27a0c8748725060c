"""What a person sees of a run: what will happen, three numbers, the last lines, what is left."""

from pathlib import Path

import pytest

from launch.errors import PreemptedError
from launch.record.run import Run, find_runs
from launch.start import start

STATIC = "+experiment=sr/static"
CLIMB = ("+experiment=pbr/phase_b", "trainer.threads=1")


def test_the_demo_says_what_comes_and_fits_a_screen(here, worker):
    code, printed = here(*CLIMB)
    lines = printed.splitlines()
    assert code == 0
    assert "3 experiments, 9 trainings: pbr/phase_a0, then pbr/phase_a, then pbr/phase_b" in lines
    assert any(line.startswith("time: ") and "minutes" in line for line in lines)
    assert len(worker.trained) == 9
    assert len(lines) < 20, "and each training adds a few of its own"


def test_the_last_lines_say_what_to_type_next(here, worker):
    printed = here(STATIC, "run_dir=run")[1]
    assert "psnr_y  0.25" in printed
    assert "all 2 numbers: run/run.json" in printed
    assert "task=predict from=run input=FOLDER output=FOLDER" in printed
    assert "of CPU time" in printed
    assert printed.splitlines()[-1].startswith("run  repeat: ")


def test_a_message_is_not_cut_inside_a_word(here):
    run = Run(Path("runs/a"))
    run.start(experiment="sr/static", task="train")
    run.finish("failed", error="alphabet " * 30)
    (line,) = [line for line in here("task=runs")[1].splitlines() if "failed" in line]
    assert "alphabet ...  runs/a" in line


def test_a_stopped_training_is_resumed_and_nothing_else_is_advised(here, worker):
    worker.codes = [143]
    printed = here(STATIC, "run_dir=run")[1]
    assert printed.splitlines()[-1].startswith("run  resume: ")
    assert "task=predict" not in printed


@pytest.mark.parametrize("task", ["validate", "predict"])
@pytest.mark.parametrize("code", [1, 143])
def test_a_task_that_fails_leaves_no_folder(here, worker, tmp_path, task, code):
    here(STATIC, "run_dir=runs/sr/static/first")
    Path("photos").mkdir()
    before = sorted(tmp_path.rglob("*"))
    worker.codes = [code]
    ended, printed = here(f"task={task}", "from=latest", "input=photos", "output=out")
    assert ended == code
    assert "resume" not in printed
    assert [p for p in sorted(tmp_path.rglob("*")) if p not in before] == []


def test_a_run_waits_for_what_comes_first(here, worker, monkeypatch):
    seen = []

    def look(*arguments):
        seen.append({run.name: run.status for run in find_runs(Path("runs"))}["pbr/phase_b"])
        return worker(*arguments)

    monkeypatch.setattr(start, "work", look)
    assert here(*CLIMB)[0] == 0
    assert seen == ["waiting"] * 6 + ["running"] * 3


def test_what_waited_and_was_stopped_leaves_no_record(here, worker):
    worker.codes = [143]
    assert here(*CLIMB, "run_dir=run")[0] == 143
    assert not Run(Path("run")).record
    assert here(*CLIMB, "run_dir=run")[0] == 0


def test_an_interrupted_run_records_where_it_stopped(tmp_path):
    from launch.train import worker  # noqa: PLC0415 - needs torch

    run = Run(tmp_path)
    run.start(task="train", iteration=4)
    assert worker.ended(run, {}, PreemptedError(7)) == 143
    assert run.reread().record["iteration"] == 7
