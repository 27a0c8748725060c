"""What is known of jobs that wait or run under Slurm."""

import pickle
import signal
import subprocess
import sys

import pytest

from launch.sweep import cluster


def test_what_slurm_says_of_jobs_is_read_by_place(tmp_path, monkeypatch):
    cluster.note(tmp_path, {"0": "7_0", "1": "7_1"})
    cluster.note(tmp_path, {"1": "9_0", "2": "9_1"})
    said = subprocess.CompletedProcess([], 0, stdout="7_0 RUNNING\n9_1 PENDING\n")
    monkeypatch.setattr(cluster.subprocess, "run", lambda *_, **__: said)
    assert cluster.queued(tmp_path) == {"0": "RUNNING", "2": "PENDING"}
    assert cluster.withdraw(tmp_path) == 1


def test_a_command_says_how_it_ended_and_can_be_queued_again():
    job = cluster.Command(["--version"])
    assert job() == 0
    assert job.process is not None
    again = pickle.loads(pickle.dumps(job))
    assert (again.arguments, again.process) == (["--version"], None)


def test_a_command_that_shall_make_room_stops_first():
    """As submitit does it: in a signal handler, while the command is waited for."""
    job = cluster.Command([])
    job.start = lambda: subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    made_room = []

    def make_room(number, frame):
        made_room.append(number)
        job.stop()

    previous = signal.signal(signal.SIGALRM, make_room)
    signal.alarm(1)
    with pytest.raises(RuntimeError, match="exit code -15"):
        job()
    signal.signal(signal.SIGALRM, previous)
    assert made_room
