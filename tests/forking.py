"""Trainings at a second each, disturbed at any write of their folder.

One process imports everything once. For each order it forks a front end, which forks its worker.

    python -m tests.forking    reads an order a line as JSON, answers a line each
"""

import errno
import gc
import json
import mmap
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path

from launch.composition.compose import compose, started
from launch.record.process import LOCK, PARENT, leave
from launch.record.storage import PARTIAL

FRONT_END, WORKER = "front end", "worker"
PLACES = (FRONT_END, WORKER)
CHANGES = ("os.rename", "os.link", "os.remove", "os.truncate", "os.mkdir")
PASSING = rb'"(at|started|ended|error|host)": "(\\.|[^"\\])*"'
"""What of a record nothing depends on."""


class Disturbance:
    """An audit hook that counts the writes in a folder, and lets something happen at one.

    Args:
        how: `kill`, or the number of the error that the disk has.
        where, at: at which write of the front end or of the worker.
        states: gets the folder as a kill at each write there would leave it, and as the process
            leaves it if the disk has one of `errors` there; those alone that differ in more than
            files half written. `codes` in it says how the process ended with each error.

    Attributes:
        here: which of the two this process is.
        counts: writes of each, wherever it is looked at.
    """

    def __init__(self, folder, how=None, where=None, at=0, states=None, errors=()):
        self.folder, self.how, self.where, self.at = Path(folder), how, where, at
        self.states, self.errors = states and Path(states), errors
        self.here = FRONT_END
        self.counts = memoryview(mmap.mmap(-1, 8 * len(PLACES))).cast("q")

    def __call__(self, event, arguments):
        if event == "open":
            writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        else:
            writes = event in CHANGES
        if not writes or not f"{arguments[0]}{os.sep}".startswith(f"{self.folder}{os.sep}"):
            return
        there = os.path.lexists(arguments[0])
        if (event == "os.mkdir" and there) or (event == "os.remove" and not there):
            return  # nothing is written
        place = PLACES.index(self.here)
        self.counts[place] += 1
        if self.here != self.where:
            return
        if self.states and self.folder.is_dir():
            self.explore(str(arguments[0]))
        if self.counts[place] == self.at:
            if self.how == "kill":
                os.kill(os.getpid(), 9)
            raise OSError(self.how, os.strerror(self.how), str(arguments[0]))

    def explore(self, path):
        """Keep what a kill would leave here, and in forks of this process what errors do."""
        folder, self.folder = self.folder, None  # what follows is no write of the run
        kept = self.states / state(folder)
        shutil.rmtree(kept, ignore_errors=True)
        copy(folder, kept)
        for error in self.errors:
            before, opened = self.states / "before", open_files(folder)
            copy(folder, before)
            pid = os.fork()
            if pid == 0:
                raise OSError(error, os.strerror(error), path)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with (self.states / "codes").open("a") as file:
                print(code, errno.errorcode[error], path, file=file)
            kept = self.states / state(folder)
            shutil.rmtree(kept, ignore_errors=True)
            folder.rename(kept)
            before.rename(folder)
            reopen(opened)
        self.folder = folder


def open_files(folder):
    """Descriptor -> path and position of what this process has open in a folder, to write to."""
    found = {}
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            if path.startswith(f"{folder}{os.sep}") and not path.endswith(".lock"):
                found[descriptor] = path, os.lseek(descriptor, 0, os.SEEK_CUR)
    return found


def reopen(files):
    for descriptor, (path, position) in files.items():
        other = os.open(path, os.O_RDWR)
        os.lseek(other, position, os.SEEK_SET)
        os.dup2(other, descriptor)
        os.close(other)


def copy(folder, other):
    """A copy of a folder, in which files that are never written in place are shared."""

    def placed(source, target):
        return (os.link if source.endswith((".ckpt", ".safetensors")) else shutil.copy)(
            source, target
        )

    shutil.copytree(folder, other, copy_function=placed)


def state(folder):
    """What a folder holds, in one number, but for files half written."""
    found = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != PARTIAL and path.name != ".lock":
            content = path.read_bytes()
            if path.suffix in (".jsonl", ".json"):
                content = re.sub(PASSING, b"", content)
            found.update(f"{path.relative_to(folder)} {sha256(content).hexdigest()}\n".encode())
    return found.hexdigest()


class Forked:
    """A process, with what a front end asks of its worker."""

    def __init__(self, pid):
        self.pid, self.code = pid, None

    def wait(self, timeout=7200):
        deadline = time.monotonic() + timeout
        while self.code is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("worker", timeout)
            else:
                time.sleep(0.005)
        return self.code

    def send_signal(self, number):
        os.kill(self.pid, number)


def forked(task):
    """A fork of this process that ends with what the task returns."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = task()
        except SystemExit as ended:
            code = ended.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return Forked(pid)


def followed(order, hook):
    """Do what was typed; returns the exit code."""
    from launch.front import command_line  # noqa: PLC0415 - tests of the hook need no torch
    from launch.start import pool, start  # noqa: PLC0415
    from launch.train import worker  # noqa: PLC0415

    def begun(folder, config, environment, lock):
        def work():
            hook.here = WORKER
            os.setpgid(0, 0)
            os.environ.update(environment | {PARENT: str(os.getppid()), LOCK: str(lock)})
            leave(worker.main([str(folder)]))

        return forked(work)

    output = os.open(order["printed"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    pool.started = begun
    if order.get("where") != FRONT_END:
        start.draw_plan = lambda run, config: None  # beside the worker, and slow
    sys.addaudithook(hook)
    sys.argv = ["launch", *order["typed"]]
    return command_line.main()


def answer(order):
    known = ("folder", "how", "where", "at", "states", "errors")
    hook = Disturbance(**{key: order[key] for key in known if key in order})
    code = forked(lambda: followed(order, hook)).wait()
    return {"code": code, "writes": dict(zip(PLACES, hook.counts, strict=True))}


def main():
    import launch.experiments  # noqa: PLC0415

    for name in ("train.zygote", "front.tasks", "show.plan", "ladder.climb"):
        import_module(f"launch.{name}")
    import_module("spandrel")
    for module in pkgutil.walk_packages(launch.experiments.__path__, "launch.experiments."):
        with suppress(ImportError):  # what is optional
            import_module(module.name)
    with started():
        compose([])
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
    leave(0)
