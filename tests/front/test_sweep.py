"""A sweep that is killed and repeated: what is done stays, what was begun goes on."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from launch.record.run import Run
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
    rows = [line.split() for line in printed.splitlines() if " completed " in line]
    assert [row[0] for row in rows] == ["seed=0", "seed=1"]
    assert "repeat: " in printed
