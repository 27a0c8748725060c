"""Ranks that torchrun or srun has started: the first keeps the record, the others follow it."""

import os
import subprocess
import sys
import time
from typing import Any

from launch.errors import ConfigError, MissingError
from launch.record.process import PARENT, rank, ranks
from launch.record.run import Run

SECONDS_TO_WAIT = 300.0

QUIET = {"TORCH_CPP_LOG_LEVEL": "ERROR"}
"""Environment of ranks: DDP warns in each that no parameter rests, which is as it should be."""


def require(config: dict[str, Any], folder_is_typed: bool, several: bool) -> None:
    """
    Raises:
        ConfigError: if what has been started is not what a run asks for.
    """
    count = ranks()
    if count == 1:
        return
    trainer = config["trainer"]
    wanted = trainer["devices"], trainer["num_nodes"]
    if isinstance(wanted[0], int) and wanted[0] > 0 and wanted[0] * wanted[1] != count:
        raise ConfigError(
            f"{count} ranks were started, but trainer.devices={wanted[0]} on "
            f"trainer.num_nodes={wanted[1]} are {wanted[0] * wanted[1]}; type those of each node "
            "and the number of nodes"
        )
    if not folder_is_typed:
        raise ConfigError(f"{count} ranks share one folder; type run_dir=PATH, which all can see")
    if several:
        raise ConfigError(
            "torchrun and srun start one training; climb an experiment of several from one process "
            "with trainer.devices, or start its trainings one by one"
        )


def follow(run: Run, identity: str) -> int:
    """Train as another rank than the first, once that has begun; returns the exit code.

    Raises:
        MissingError: if it does not begin.
    """
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while run.reread().record.get("identity") != identity or run.status != "running":
        if run.status == "completed":
            return 0
        if time.monotonic() > deadline:
            raise MissingError(f"rank {rank()}: the first rank has begun nothing in {run.folder}")
        time.sleep(0.2)
    worker = [sys.executable, "-m", "launch.train.worker", str(run.folder)]
    return subprocess.call(worker, env=QUIET | os.environ | {PARENT: str(os.getpid())})
