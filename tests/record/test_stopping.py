"""What a process makes of requests to stop; what becomes of a run is in `tests/test_signals.py`."""

import os
import signal
import subprocess
import sys
import time

import pytest

from launch.record.stopping import SIGNALS, Requests, Stopped


@pytest.fixture
def requests():
    """Listening, also where the tests run under `nohup` or in the background of a shell."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    found = Requests()
    with found.heard():
        yield found
    for number, handler in before.items():
        signal.signal(number, handler)


def ask(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_every_signal_ends_what_loses_nothing_by_it(requests, number):
    with pytest.raises(Stopped):
        ask(number)


def test_no_decoder_that_catches_everything_swallows_it(requests):
    def decode():
        try:
            ask()
        except Exception as error:
            raise ValueError from error

    with pytest.raises(Stopped):
        decode()


def test_what_arrives_within_a_second_is_the_same_request(requests, monkeypatch):
    first, second = [], []
    with requests.handled(first.append, second.append):
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
            ask(number)
        assert (first, second) == ([signal.SIGTERM], [])
        monkeypatch.setattr(requests, "at", time.monotonic() - 1.1)
        ask(signal.SIGINT)
    assert (first, second) == ([signal.SIGTERM], [signal.SIGINT])


def test_what_was_asked_before_is_answered_before_something_else_begins(requests):
    with requests.handled(lambda _: None):
        ask()
    with pytest.raises(Stopped), requests.handled(lambda _: None):
        pytest.fail("the next job does not begin")


def test_what_is_ignored_stays_ignored_and_the_rest_is_given_back():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        others = {number: signal.getsignal(number) for number in SIGNALS}
        with Requests().heard():
            ask(signal.SIGHUP)
        assert {number: signal.getsignal(number) for number in SIGNALS} == others
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_helper_waits_for_the_one_that_it_works_for():
    code = (
        "import os, signal, sys; from launch.record.stopping import leave_to_parent\n"
        "leave_to_parent()\n"
        "for name in ('SIGINT', 'SIGHUP', 'SIGTERM'):\n"
        "    os.kill(os.getpid(), getattr(signal, name))\n"
        "print('alive', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGTERM)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stdout == b"alive\n"
    assert done.returncode == -signal.SIGTERM
