"""`python -m launch` as a user types it: in a process of its own."""

import os
import signal
import subprocess
import sys
import time

from launch.record.run import REPOSITORY


def start(*arguments, env=None, **options):
    environment = (env or os.environ) | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "launch", *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment, text=True, **options)


def launch(*arguments):
    """Exit code, and what was printed to both streams."""
    process = start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed, _ = process.communicate()
    return process.returncode, printed


def stopped(*arguments, when, number=signal.SIGKILL, send=os.killpg):
    """Start the command and send it a signal as soon as `when()` holds; returns the exit code.

    `os.killpg` signals its workers as well, `os.kill` the front end alone.
    """
    process = start(*arguments, start_new_session=True)
    while not when():
        assert process.poll() is None, "it has ended before it could be stopped"
        time.sleep(0.02)
    send(process.pid, number)
    return process.wait()


def work_here(run, config, lock):
    """Does in this process what a worker does in one of its own, which takes long to start."""
    import torch  # noqa: PLC0415 - most tests of the command line need none

    from launch.train import worker  # noqa: PLC0415 - as above

    threads = torch.get_num_threads()
    code = worker.work(run, worker.as_built(run))
    torch.set_num_threads(threads)
    run.note("end", exit_code=code)
    return code
