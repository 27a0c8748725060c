"""`python -m tests.trackers.log MODULE.CLASS RUN_DIR FIRST LAST`: logs as a training would.

Trackers keep state in their process, so each part of a run has one of its own, as in life.
"""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np

from launch.record.run import REPOSITORY, Run
from launch.trackers.tracker import Identity, TracksPictures, settings_of

RECORD = {"experiment": "sr/static", "rung": "albedo", "task": "train", "scale": "demo", "seed": 3}
OVERRIDES = ["+experiment=sr/static", "module.lr=0.1", "run_dir=x"]
CONFIG = {"seed": 3, "run_dir": "x", "module": {"lr": 0.1, "_target_": "a.B"}, "masks": []}
NAME, GROUP = "sr/static/albedo module.lr=0.1 seed=3", "sr/static/albedo"


def interrupted(tracker: str, folder: Path) -> Path:
    """A run of four iterations that was killed after the third and resumed from the second."""
    run = Run(folder / "run")
    run.start(**RECORD, overrides=OVERRIDES)
    for first, last in ((0, 3), (2, 4)):
        arguments = [f"launch.trackers.{tracker}", str(run.folder), str(first), str(last)]
        command = [sys.executable, "-m", "tests.trackers.log", *arguments]
        subprocess.run(command, check=True, cwd=REPOSITORY)
    return run.folder


def main(target: str, folder: str, first: int, last: int) -> None:
    module, _, name = target.rpartition(".")
    tracker = getattr(importlib.import_module(module), name)()
    logger = tracker.open(Identity.of(Run(Path(folder))), settings_of(CONFIG), first)
    assert isinstance(logger, TracksPictures)
    for iteration in range(first + (first > 0), last + 1):
        value = iteration / 10 + (iteration == 3 and not first)  # what the killed part saw is lost
        logger.log_metrics({"loss/total": value, "psnr_y": 20.0 + iteration}, step=iteration)
    logger.log_picture(np.full((8, 12, 3), 60 * last, np.uint8), last)
    logger.finalize("success")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
