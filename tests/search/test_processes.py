"""One search in several processes that are killed and started again, with real trainings."""

import csv
import os
import signal
import time

import pytest

from launch.record.run import Run
from tests.command_line import start

pytest.importorskip("optuna")

TRIALS = 30
SEARCH = [
    *("-m", "+search=tpe", "+experiment=sr/static", "trainer.threads=1"),
    *("module.network.num_feat=8", "module.network.num_conv=1", "data.scenes=4", "data.size=96"),
    *("data.crop=16", "data.batch_size=2", "data.validation_images=1"),
    *("trainer.max_iterations=6", "trainer.validate_every=2", "trainer.image_every=1000"),
    *("module.optimizer.lr=choice(1e-4,1e-3,1e-2,1e-1,1e38)", f"search.trials={TRIALS}"),
    *("losses.pixel.loss_weight=interval(0.1, 4)", "search.sampler={type: RandomSampler}"),
]
"""Random proposals follow from the number of a trial alone, whoever asks first."""


def begun(folder) -> int:
    return len(list(folder.glob("[0-9]*/seed_0/run.json")))


def three(folder):
    return [start(*SEARCH, f"run_dir={folder}", start_new_session=True) for _ in range(3)]


@pytest.mark.slow
def test_three_processes_share_thirty_trials_and_go_on_after_a_kill(tmp_path):
    folder = tmp_path / "search"
    processes = three(folder)
    while begun(folder) < TRIALS // 3:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.1)
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert begun(folder) < TRIALS
    assert [process.wait(500) for process in three(folder)] == [0, 0, 0]
    with (folder / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    states = [row["state"] for row in rows]
    assert [int(row["trial"]) for row in rows] == list(range(TRIALS))
    assert set(states) == {"completed", "pruned", "failed"}
    assert states.count("failed") >= 2
    for row in rows:
        run = Run(folder / f"{int(row['trial']):03d}/seed_0")
        assert (float(row["module.optimizer.lr"]) > 1) == (row["state"] == "failed")
        if row["state"] == "completed":
            assert run.record["metrics"]["psnr_y"] == pytest.approx(float(row["value"]))
    assert (folder / "search.png").is_file()
