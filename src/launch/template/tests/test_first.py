"""The experiment trains, continues and predicts, through the command line."""

import json
import subprocess
import sys
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

PROJECT = Path(__file__).parents[1]


def launch(*arguments: object) -> None:
    command = [sys.executable, "-m", "launch", *map(str, arguments)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class TestFirst(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))

    def test_it_learns_continues_and_predicts(self) -> None:
        run, output = self.folder / "run", self.folder / "out"
        launch("+experiment=mylab/first", f"run_dir={run}", "trainer.max_iterations=100")
        launch(f"resume={run}", "trainer.max_iterations=200")
        record = json.loads((run / "run.json").read_text())
        self.assertEqual(record["iteration"], 200)
        self.assertGreater(record["metrics"]["psnr"], 15)

        Image.fromarray(np.zeros((20, 30), np.uint8)).save(self.folder / "black.png")
        launch("task=predict", f"from={run}", f"input={self.folder}", f"output={output}")
        self.assertEqual(Image.open(output / "black.png").size, (30, 20))
