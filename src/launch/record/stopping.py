"""Signals that ask to stop: one meaning for all of them, in the front end and in the worker.

The first asks to stop as soon as nothing is lost by it. What arrives within a second of it is the
same request, which a scheduler sends to every process and the front end passes on. A later one
asks to stop at once.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
STOPPED = 143
SAME_REQUEST = 1.0  # seconds


class Stopped(BaseException):
    """A request to stop where nothing has to be finished first; no decoder may swallow it."""


class Requests:
    """What this process has been asked.

    Attributes:
        at: when it was asked to stop, on the monotonic clock; None if it was not.
        name: of the signal that asked.
        first: what to do about the first request; None raises `Stopped` where the process is.
        second: what to do about a later one.
    """

    def __init__(self) -> None:
        self.at: float | None = None
        self.name: str | None = None
        self.first: Callable[[int], Any] | None = None
        self.second: Callable[[int], Any] = at_once

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to every signal that is not ignored, as `nohup` asks a process to."""
        self.at, self.name, self.first = None, None, None
        before = {number: signal.getsignal(number) for number in SIGNALS}
        heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
        for number in heard:
            signal.signal(number, self._hear)
        try:
            yield
        finally:
            for number in heard:
                signal.signal(number, before[number])

    def _hear(self, number: int, frame: Any) -> None:
        if self.at is not None and time.monotonic() - self.at > SAME_REQUEST:
            self.second(number)
        elif self.at is None:
            self.at, self.name = time.monotonic(), signal.Signals(number).name
            if self.first is None:
                raise Stopped
            self.first(number)

    @contextmanager
    def handled(
        self, first: Callable[[int], Any], second: Callable[[int], Any] | None = None
    ) -> Iterator[None]:
        """Do something else about requests for a while; one that came before is answered now.

        Raises:
            Stopped: if there was one.
        """
        self.require_none()
        before = self.first, self.second
        self.first, self.second = first, second or self.second
        try:
            yield
        finally:
            self.first, self.second = before

    def require_none(self) -> None:
        """
        Raises:
            Stopped: if this process has been asked to stop.
        """
        if self.at is not None:
            raise Stopped


def at_once(number: int) -> None:
    os._exit(STOPPED)


def leave_to_parent(_: int = 0) -> None:
    """For a helper process, such as a loader's: the one that it works for will end it.

    It does so by SIGTERM, which counts from the second on: the first may be the scheduler's.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))


requests = Requests()
