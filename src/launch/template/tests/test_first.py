"""The experiment trains, continues and predicts, through the command line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

PROJECT = Path(__file__).parents[1]


def launch(*arguments):
    command = [sys.executable, "-m", "launch", *map(str, arguments)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_learns_and_predicts(tmp_path):
    run = tmp_path / "run"
    launch("+experiment=mylab/first", f"run_dir={run}", "trainer.max_iterations=100")
    launch(f"resume={run}", "trainer.max_iterations=200")
    record = json.loads((run / "run.json").read_text())
    assert record["iteration"] == 200
    assert record["metrics"]["psnr"] > 15

    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "black.png")
    launch("task=predict", f"from={run}", f"input={tmp_path}", f"output={tmp_path / 'out'}")
    assert Image.open(tmp_path / "out" / "black.png").size == (30, 20)
