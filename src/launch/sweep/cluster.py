"""Jobs of a sweep that wait or run under Slurm: `slurm.json` in its folder says which. No torch."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from launch.record.storage import read_json, write_json

FILE = "slurm.json"
ASKED_TO_STOP = 143


def jobs(folder: Path) -> dict[str, str]:
    """Slurm's number of every job that was submitted, by its place."""
    return dict(read_json(folder / FILE).get("jobs", {}))


def note(folder: Path, submitted: dict[str, str]) -> None:
    write_json(folder / FILE, {"jobs": jobs(folder) | submitted})


def queued(folder: Path) -> dict[str, str]:
    """What Slurm says of those that wait or run, by place: PENDING, RUNNING, ...

    `squeue` needs no accounting; where it is not installed, nothing is known to wait.
    """
    numbers = jobs(folder)
    if not numbers:
        return {}
    states = squeue(sorted(set(numbers.values())))
    return {place: states[number] for place, number in numbers.items() if number in states}


def squeue(numbers: list[str]) -> dict[str, str]:
    command = ["squeue", "--noheader", "--array", "--format=%i %T", f"--jobs={','.join(numbers)}"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return {}
    return dict(line.split() for line in found.splitlines())  # type: ignore[misc]


def withdraw(folder: Path) -> int:
    """Take those out of the queue that have not begun; returns how many."""
    numbers = jobs(folder)
    waiting = [numbers[place] for place, state in queued(folder).items() if state == "PENDING"]
    if waiting:
        subprocess.run(["scancel", *waiting], check=False)
    return len(waiting)


class Command:
    """`python -m launch` as a job of a cluster; asked to make room, it stops and is queued again.

    The run of a job is known by its folder, so that the same command goes on with it.
    """

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"arguments": self.arguments, "process": None}

    def __call__(self) -> int:
        previous = signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # which children take over
        self.process = self.start()
        signal.signal(signal.SIGUSR2, previous)
        code = self.process.wait()
        if code not in (0, ASKED_TO_STOP):
            raise RuntimeError(f"{json.dumps(self.arguments)} ended with exit code {code}")
        return code

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "launch", *self.arguments]
        return subprocess.Popen(command, env=alone(dict(os.environ)))

    def stop(self) -> None:
        """Stop the command after a checkpoint; also from a signal handler within its `wait`."""
        if self.process is not None:
            self.process.terminate()
            os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)

    def checkpoint(self) -> Any:
        """What to queue again; submitit calls it when time is up or the place is wanted."""
        from submitit.helpers import DelayedSubmission  # noqa: PLC0415 - an extra

        self.stop()
        return DelayedSubmission(self)


def alone(environment: dict[str, str]) -> dict[str, str]:
    """Without what tells Lightning that srun starts its ranks: a job is one process that may."""
    return {key: value for key, value in environment.items() if key != "SLURM_NTASKS"}
