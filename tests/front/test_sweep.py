"""A sweep that is killed and repeated: what is done stays, what was begun goes on."""

import csv
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from launch.front import sweep
from launch.record.run import Run
from launch.record.storage import write_json
from tests.command_line import launch, stopped

SEEDS = range(6)
SIX = [
    *("-m", "+experiment=sr/static", "seed=range(6)", "trainer.threads=1"),
    *("module.network.num_feat=8", "module.network.num_conv=1", "data.scenes=4", "data.size=96"),
    *("data.crop=16", "data.batch_size=2", "data.validation_images=1"),
    *("trainer.max_iterations=60", "trainer.validate_every=30", "trainer.checkpoint_every=5"),
]


def results(sweep: Path) -> list[tuple[dict[str, float], bytes]]:
    """Metrics and weights of every job."""
    runs = [Run(sweep / str(seed)) for seed in SEEDS]
    assert [run.status for run in runs] == ["completed"] * len(runs)
    weights = [(run.folder / "weights.safetensors").read_bytes() for run in runs]
    return [(run.record["metrics"], w) for run, w in zip(runs, weights, strict=True)]


def moment(sweep: Path, seconds: float) -> Callable[[], bool]:
    """True so many seconds after the first job has saved something."""
    begun: list[float] = []

    def reached() -> bool:
        if not begun and (sweep / "0/checkpoints/last.ckpt").exists():
            begun.append(time.monotonic())
        return bool(begun) and time.monotonic() - begun[0] > seconds

    return reached


@pytest.mark.slow
def test_a_sweep_of_six_killed_at_a_random_moment_ends_as_an_undisturbed_one(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    before = time.monotonic()
    code, printed = launch(*SIX, f"run_dir={whole}")
    assert code == 0, printed
    third = (time.monotonic() - before) / 3
    stopped(*SIX, f"run_dir={killed}", when=moment(killed, random.uniform(0, third)),
            number=signal.SIGKILL)  # fmt: skip
    done = {seed: Run(killed / str(seed)) for seed in SEEDS}
    ended = {seed: run.record["ended"] for seed, run in done.items() if run.status == "completed"}
    assert len(ended) < len(SEEDS)
    code, printed = launch(*SIX, f"run_dir={killed}")
    assert code == 0, printed
    assert results(killed) == results(whole)
    assert {seed: Run(killed / str(seed)).record["ended"] for seed in ended} == ended


def test_a_sweep_may_be_extended_and_says_what_differs_otherwise(here, worker):
    sweep = ["-m", "+experiment=sr/static", "run_dir=sweep"]
    assert here(*sweep, "seed=0,1")[0] == 0
    code, printed = here(*sweep, "seed=1,2")
    assert code == 2
    assert "it has seed=0 that this one has not" in printed.replace("experiment=sr/static ", "")
    assert here(*sweep, "seed=1,2", "extend=true")[0] == 0
    assert worker.names == ["0", "1", "2"]


def test_one_job_that_cannot_run_leaves_the_others_alone_and_is_recorded(here, worker):
    code, printed = here(
        "-m", "+experiment=sr/static", "losses.pixel.loss_weight=1,-2,3", "run_dir=sweep"
    )
    assert code == 1
    assert worker.names == ["0", "2"]
    record = Run(Path("sweep/1")).record
    assert record["status"] == "failed"
    assert "loss_weight must not be negative" in record["error"]
    assert "Traceback" not in printed


def test_the_table_names_jobs_by_what_they_do_not_share(here):
    printed = here("-m", "+experiment=sr/static", "seed=0,1", "run_dir=sweep")[1]
    rows = [line.split() for line in printed.splitlines() if line.startswith("seed=")]
    assert [row[0] for row in rows] == ["seed=0", "seed=1"]
    assert "repeat: " in printed


def test_every_job_is_checked_before_the_first_starts(here, worker):
    sweep = ["-m", "+experiment=sr/static", "run_dir=sweep"]
    printed = here(*sweep, "losses.pixel.loss_weight=1,-2,3")[1]
    told = printed.index("loss_weight=-2: losses.pixel")
    assert told < printed.index("sweep/0")
    assert "3 jobs: 2 to run, 0 completed already, 1 that cannot run" in printed


def test_the_same_command_continues_the_last_sweep_until_it_is_completed(here, worker):
    sweep = ["-m", "+experiment=sr/static", "seed=0,1,2"]
    worker.ends = {"1": [1]}
    assert here(*sweep)[0] == 1
    (folder,) = Path("runs/multirun").iterdir()
    assert here(*sweep, "trainer.max_iterations=9")[0] == 0, "another sweep has a folder of its own"
    _, other = sorted(Path("runs/multirun").iterdir())
    shutil.rmtree(other)
    code, printed = here(*sweep)
    assert code == 0
    assert f"continues {folder}\n3 jobs: 1 to run, 2 completed already" in printed
    assert "3 jobs: 3 to run" in here(*sweep)[1]
    assert len([*Path("runs/multirun").iterdir()]) == 2


def test_what_is_completed_is_not_started_again(here, worker):
    sweep = ["-m", "+experiment=sr/static", "seed=0,1,2", "run_dir=sweep"]
    worker.ends = {"1": [1]}
    code, printed = here(*sweep)
    assert code == 1
    assert "seed=1 (failed): told to" in printed
    assert "1 job: 1 to run" not in printed
    code, printed = here(*sweep)
    assert code == 0
    assert "3 jobs: 1 to run, 2 completed already" in printed
    assert worker.names == ["0", "1", "2", "1"]


def test_a_recipe_that_changed_since_is_told_and_the_old_run_stands(here, worker):
    Path("conf/experiment").mkdir(parents=True)
    recipe = Path("conf/experiment/mine.yaml")
    text = "# @package _global_\n# Mine.\ndefaults: [/experiment/sr/static, _self_]\n"
    recipe.write_text(text)
    sweep = ["-m", "+experiment=mine", "seed=0,1", "run_dir=sweep"]
    assert here(*sweep)[0] == 0
    recipe.write_text(text + "losses: {pixel: {loss_weight: 7}}\n")
    code, printed = here(*sweep)
    assert code == 2
    assert "losses.pixel.loss_weight (1.0 there, 7 here)" in printed
    assert Run(Path("sweep/0")).status == "completed"


def test_a_second_person_is_told_who_is_at_work(here, monkeypatch):
    monkeypatch.setattr("launch.front.sweep.SECONDS_TO_WAIT", 0)
    sweep = ["-m", "+experiment=sr/static", "seed=0,1", "run_dir=sweep"]
    monkeypatch.setenv("USER", "ada")
    with Run(Path("sweep")).lock():
        code, printed = here(*sweep)
    assert code == 2
    assert "ada on " in printed
    assert "task=cancel run_dir=sweep" in printed


def test_what_another_began_meanwhile_is_not_written_over(here, monkeypatch, worker):
    """Between the look at the folder and its lock, as a launcher that only submits allows."""
    look = sweep.require_some

    def look_then_lose(*arguments, **named):
        write_json(Path("sweep/sweep.json"), {"jobs": [{"place": "0", "overrides": ["seed=9"]}]})
        return look(*arguments, **named)

    Path("sweep").mkdir()
    monkeypatch.setattr(sweep, "require_some", look_then_lose)
    code, printed = here("-m", "+experiment=sr/static", "seed=0,1", "run_dir=sweep")
    assert code == 2
    assert "sweep holds another sweep: it has seed=9" in printed
    assert not worker.names


def test_a_job_that_is_listed_twice_runs_once(here, worker):
    code, printed = here("-m", "+experiment=sr/static", "seed=0,1,0", "run_dir=sweep")
    assert code == 0, printed
    assert "1 of 3 jobs repeat another and are left out" in printed
    assert worker.names == ["0", "1"]


def test_a_sweep_that_is_asked_to_stop_starts_no_further_job(here, worker):
    sweep = ["-m", "+experiment=sr/static", "seed=0,1,2", "run_dir=sweep"]
    train = worker.finish

    def cancel_then_finish(run: Run, metric: str) -> None:
        assert "asked 1 running job" in here("task=cancel", "run_dir=sweep")[1]
        train(run, metric)

    worker.finish = cancel_then_finish
    assert here(*sweep)[0] == 143
    assert worker.names == ["0"]
    worker.finish = train
    assert here(*sweep)[0] == 0
    assert worker.names == ["0", "1", "2"]


def test_results_are_a_table_over_seeds_and_a_csv(here, worker):
    worker.histories = {"0": [[1.0]], "1": [[3.0]], "2": [[5.0]], "3": [[9.0]]}
    sweep = ["-m", "+experiment=sr/static", "losses.pixel.loss_weight=1,2", "seed=0,1"]
    printed = here(*sweep, "run_dir=sweep")[1]
    assert "losses.pixel.loss_weight=1  2" in printed
    assert "losses.pixel.loss_weight=2  7" in printed  # mean of 5 and 9
    with Path("sweep/sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["losses.pixel.loss_weight"], r["seed"], r["val_loss"]) for r in rows] == [
        ("1", "0", "1.0"), ("1", "1", "3.0"), ("2", "0", "5.0"), ("2", "1", "9.0"),
    ]  # fmt: skip


def test_a_sweep_is_followed_from_its_folder(here, worker):
    here("-m", "+experiment=sr/static", "seed=0,1", "run_dir=sweep")
    Run(Path("sweep/1")).note("end", status="failed", error="told to")
    code, printed = here("task=watch", "run_dir=sweep")
    assert code == 1
    assert "2 jobs: 1 completed, 1 failed" in printed
    assert here("task=watch", "run_dir=elsewhere")[0] == 3


def test_a_sweep_may_be_written_into_an_experiment(here, worker):
    Path("conf/experiment").mkdir(parents=True)
    Path("conf/experiment/mine.yaml").write_text(
        "# @package _global_\n# Mine.\ndefaults: [/experiment/sr/static, _self_]\n"
        'hydra: {sweeper: {params: {seed: "0,1", losses.pixel.loss_weight: "choice(1, 2)"}}}\n'
    )
    code, printed = here("-m", "+experiment=mine", "run_dir=sweep")
    assert code == 0, printed
    assert worker.names == ["0", "1", "2", "3"]
    code, printed = here("-m", "+experiment=mine", "seed=5", "run_dir=other")
    assert code == 0, printed
    assert worker.names[4:] == ["0", "1"]
    code, printed = here("+experiment=mine")
    assert code == 2
    assert "mine is a sweep over seed, losses.pixel.loss_weight; add -m" in printed
    assert here("+experiment=mine", "hydra.sweeper.params=null", "run_dir=one")[0] == 0
    assert worker.names[-1] == "one"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_a_sweep_costs_beside_its_trainings_grows_no_faster_than_its_jobs(here):
    """Submission, the same command again, following and reporting: CPU seconds, trained by none."""
    tiny = [o for o in SIX if not o.startswith("seed=")]

    def seconds(count):
        folder = f"run_dir=sweep{count}"
        commands = {
            "submission": [*tiny, f"seed=range({count})", folder],
            "once more": [*tiny, f"seed=range({count})", folder],
            "watch": ["task=watch", folder],
            "report": ["task=report", f"runs=sweep{count}"],
        }
        found = {}
        for name, typed in commands.items():
            before = time.process_time()
            code, printed = here(*typed)
            assert code == 0, printed
            found[name] = time.process_time() - before
        return found

    seconds(2)  # imports
    few, many = seconds(75), seconds(300)
    assert {name: many[name] / few[name] <= 4 * 1.25 for name in few} == dict.fromkeys(few, True)
