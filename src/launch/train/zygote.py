"""One process that imports torch once and forks a worker for each run folder.

A fork takes over no threads, so it is safe only while none is needed: before torch has computed
anything and before CUDA is touched. Whatever is dispatched here is noted, and from then on nothing
is forked; `launch.start.pool` then starts workers of their own.
"""

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

import torch
import torch._dynamo  # the first optimizer of a worker imports it
from torch.utils._python_dispatch import TorchDispatchMode

from launch.record.process import LOCK, PARENT, die_with_parent, leave
from launch.record.stopping import SIGNALS
from launch.record.targets import require, see_own_packages
from launch.train import worker

LARGEST_REQUEST = 1 << 20  # bytes


HARMLESS = ("torchvision._cuda_version.default",)
"""What an import asks and torch does not compute."""


class Dispatched(TorchDispatchMode):
    """Notes that torch has computed something in this process."""

    def __init__(self) -> None:
        super().__init__()
        self.first: str | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if str(func) not in HARMLESS:
            self.first = self.first or str(func)
        return func(*args, **(kwargs or {}))


def main(channel: socket.socket) -> int:
    """Serve one job after the other until the front end is gone; a fork ends as its worker."""
    die_with_parent()
    see_own_packages()
    # A worker hears of signals from the front end; this process ends when that one does.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    with Dispatched() as dispatched:
        job = forked(channel, dispatched)
    if job is None:
        return 0
    for number, handler in before.items():
        signal.signal(number, handler)
    return worker.main([job["folder"]])


def forked(channel: socket.socket, dispatched: Dispatched) -> dict[str, Any] | None:
    """In every fork its job; in this process None, when there are no more."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, LARGEST_REQUEST, 3)
        if not message:
            return None
        job = json.loads(message)
        preload(job["targets"])
        reason = unsafe(dispatched)
        gc.freeze()  # what is there already is shared, as long as nobody writes to it
        process = None if reason else os.fork()
        if process == 0:
            channel.close()
            become(job, *descriptors)
            return job
        for descriptor in descriptors:
            os.close(descriptor)
        if process is None:
            tell(channel, refused=reason)
        else:
            tell(channel, process=process)
            _, status = os.waitpid(process, 0)
            tell(channel, code=os.waitstatus_to_exitcode(status))


def tell(channel: socket.socket, **what: Any) -> None:
    with suppress(BrokenPipeError):  # the front end is gone, as the next request will show
        channel.send(json.dumps(what).encode())


def preload(targets: Iterable[str]) -> None:
    """Import the modules that a job names; what is wrong with one is the worker's to tell."""
    for target in targets:
        with suppress(Exception):
            require(target)
            import_module(target.rpartition(".")[0])


def unsafe(dispatched: Dispatched) -> str | None:
    """Why this process must not be forked, if so."""
    if dispatched.first:
        return f"torch has computed {dispatched.first}"
    if torch.cuda.is_initialized():
        return "CUDA is in use"
    return None


def become(job: dict[str, Any], lock: int, output: int, errors: int) -> None:
    """Take over streams, place and environment of the front end, in a process group of its own."""
    os.setpgid(0, 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.chdir(job["place"])
    os.environ.clear()
    os.environ.update(job["environment"] | {PARENT: str(os.getppid()), LOCK: str(lock)})


if __name__ == "__main__":
    leave(main(socket.socket(fileno=int(sys.argv[1]))))
