"""Workers that share the import of torch: `launch.train.zygote` forks one per run folder. No torch.

Only where several trainings follow each other, `with pool.opened():`, and where a fork is safe; in
all other cases a worker is a process of its own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launch.record.process import LOCK, PARENT, ranks
from launch.record.targets import targets

Environment = dict[str, str]
LARGEST_ANSWER = 4096  # bytes


class Forked:
    """A forked worker, with what `subprocess.Popen` offers of it."""

    def __init__(self, channel: socket.socket, process: int) -> None:
        self.channel, self.pid = channel, process
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """
        Raises:
            subprocess.TimeoutExpired: if it has not ended after so many seconds.
        """
        if self.returncode is not None:
            return self.returncode
        self.channel.settimeout(timeout)
        try:
            answer = self.channel.recv(LARGEST_ANSWER)
        except TimeoutError as error:
            raise subprocess.TimeoutExpired("worker", timeout or 0) from error
        # Without an answer the zygote is dead, and the worker with it.
        code: int = json.loads(answer)["code"] if answer else -signal.SIGKILL
        self.returncode = code
        return code

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


Worker = Forked | subprocess.Popen[bytes]


@dataclass
class Pool:
    """The zygote of this process, started when it is first needed.

    Attributes:
        environment: that it was started with; another one takes another zygote.
        refused: why it forks no more.
        last: the worker that was forked last; it forks one at a time.
    """

    environment: Environment = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    channel: socket.socket | None = None
    refused: str | None = None
    last: Forked | None = None

    def fork(
        self, folder: Path, config: dict[str, Any], environment: Environment, lock: int
    ) -> Forked | None:
        """A worker, or None if there can be none this way."""
        if self.refused or (self.last and self.last.returncode is None):
            return None
        shared = {key: value for key, value in environment.items() if key not in (LOCK, PARENT)}
        if self.process is None or self.environment != shared or self.process.poll() is not None:
            self.close()
            self.start(shared)
        job = {
            "folder": str(folder),
            "place": os.getcwd(),
            "environment": shared,
            "targets": sorted(set(targets(config))),
        }
        channel = self.channel
        assert channel is not None
        try:
            channel.settimeout(None)
            socket.send_fds(channel, [json.dumps(job).encode()], [lock, 1, 2])
            answer = json.loads(channel.recv(LARGEST_ANSWER) or b'{"refused": "it has ended"}')
        except OSError as error:
            answer = {"refused": str(error)}
        self.refused = answer.get("refused")
        self.last = None if self.refused else Forked(channel, int(answer["process"]))
        return self.last

    def start(self, environment: Environment) -> None:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "launch.train.zygote", str(there.fileno())]
        whole = environment | {PARENT: str(os.getpid())}
        with there:
            self.process = subprocess.Popen(
                command, env=whole, pass_fds=[there.fileno()], process_group=0
            )
        self.channel, self.environment = here, environment

    def close(self) -> None:
        """Let the zygote end."""
        if self.channel is not None:
            self.channel.close()
        if self.process is not None:
            self.process.wait()
        self.channel = self.process = None


_open: list[Pool] = []


@contextmanager
def opened() -> Iterator[Pool]:
    """Trainings inside share a zygote, those of ladders within a sweep as well."""
    if _open:
        yield _open[-1]
        return
    pool = Pool()
    _open.append(pool)
    try:
        yield pool
    finally:
        _open.remove(pool)
        pool.close()


def is_suited(config: dict[str, Any]) -> bool:
    """Whether a run may be a fork: one process, and no ranks that it would have to start."""
    trainer = config["trainer"]
    return trainer["devices"] == 1 and trainer["strategy"] == "auto" and ranks() == 1


def started(folder: Path, config: dict[str, Any], environment: Environment, lock: int) -> Worker:
    """The worker of a run folder, which holds its lock."""
    if _open and is_suited(config):
        forked = _open[-1].fork(folder, config, environment, lock)
        if forked is not None:
            return forked
    command = [sys.executable, "-m", "launch.train.worker", str(folder)]
    own = {PARENT: str(os.getpid()), LOCK: str(lock)}
    return subprocess.Popen(command, env=environment | own, pass_fds=[lock], process_group=0)
