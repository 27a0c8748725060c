"""A child `python -m launch`: told to stop when this process is, gone when this one is killed."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from launch.errors import LaunchError

PR_SET_PDEATHSIG = 1
PARENT = "LAUNCH_FRONT_END"


class StoppedError(LaunchError):
    """This process was told to stop while a child worked (exit code 143)."""

    def __init__(self) -> None:
        super().__init__("stopped on request", exit_code=143)


def launch(arguments: list[str]) -> int:
    """Run a child `python -m launch` to its end; returns its exit code, 143 if a signal ended it.

    Raises:
        StoppedError: if this process is told to stop; the child is told as well, and has left a
            checkpoint.
    """
    stopped = threading.Event()
    children: list[subprocess.Popen[bytes]] = []

    def stop(*_: Any) -> None:
        stopped.set()
        for child in children:
            child.terminate()

    previous = on_terminate(stop)
    try:
        environment = os.environ | {PARENT: str(os.getpid())}
        command = [sys.executable, "-m", "launch", *arguments]
        children.append(subprocess.Popen(command, env=environment))
        if stopped.is_set():
            stop()
        code = children[0].wait()
    except KeyboardInterrupt:  # the terminal has told the child
        stopped.set()
        code = max(child.wait() for child in children) if children else 143
    finally:
        on_terminate(previous)
    if stopped.is_set():
        raise StoppedError
    return 143 if code < 0 else code


def on_terminate(handler: Callable[..., Any] | int | None) -> Callable[..., Any] | int | None:
    """Set what SIGTERM does and return what it did; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, handler or signal.SIG_DFL)


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
