"""What a process of a run is: gone when its front end is, indifferent to who reads its output."""

import atexit
import ctypes
import io
import os
import signal
import sys
import threading
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PARENT = "LAUNCH_FRONT_END"
LOCK = "LAUNCH_LOCK"


def rank() -> int:
    """Rank of this process among all of a run, as its starter has set it; 0 if it is the only one.

    torchrun sets RANK and srun SLURM_PROCID; Lightning, which starts ranks itself, sets LOCAL_RANK.
    Each node has a process of local rank 0, so that the global rank is looked at first.
    """
    found = os.environ.get("RANK") or srun("SLURM_PROCID") or os.environ.get("LOCAL_RANK")
    return int(found or 0)


def ranks() -> int:
    """How many processes torchrun or srun has started for this run; 1 if neither has."""
    if "RANK" in os.environ:
        return int(os.environ.get("WORLD_SIZE", "1"))
    return int(srun("SLURM_NTASKS") or 1)


def srun(name: str) -> str | None:
    """What srun says of a task; sbatch alone and an interactive shell start none."""
    started = "SLURM_STEP_ID" in os.environ and os.environ.get("SLURM_NTASKS", "1") != "1"
    return os.environ.get(name) if started else None


def die_with_parent() -> None:
    """On Linux a child of a front end does not outlive it, even if that is killed.

    Raises:
        SystemExit: if it was killed before this could be arranged. Other ranks of a distributed
            run have the first one as parent.
    """
    if sys.platform != "linux" or PARENT not in os.environ:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if "LOCAL_RANK" not in os.environ and os.getppid() != int(os.environ[PARENT]):
        raise SystemExit(143)


class Output(io.FileIO):
    """Standard output that nobody has to take: once a write fails, the rest goes nowhere."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(content)


def outlive_readers() -> None:
    """Go on working when a pipe, a terminal or a disk no longer takes what is printed."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed; the next file that is opened would take its place
            os.open(os.devnull, os.O_RDWR)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__"):  # a notebook or a test has put in its own
            encoding = getattr(stream, "encoding", "utf-8")
            buffer = io.BufferedWriter(Output(number, "w", closefd=False))
            text = io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=True)
            setattr(sys, name, text)


def leave(code: int) -> NoReturn:
    """End this process without taking apart what it has imported: of torch that takes 2 s of CPU.

    Threads are waited for and exit handlers run, as at any other end.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
