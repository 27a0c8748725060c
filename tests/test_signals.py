"""What each signal does to a run, at every moment of it: exit code, record, checkpoint, orphans."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launch.record import storage
from launch.record.run import REPOSITORY, Run
from tests.command_line import launch, start

pytestmark = pytest.mark.slow

RUN = [
    "+experiment=sr/static",
    "trainer.threads=1",
    "trainer.accelerator=cpu",
    "module.network.num_feat=8",
    "module.network.num_conv=1",
    "data.scenes=4",
    "data.size=96",
    "data.crop=16",
    "data.batch_size=2",
    "data.validation_images=1",
    "trainer.validate_every=100000",
    "trainer.checkpoint_every=4",
    "trainer.max_iterations=100000",
]


TWO = "trainer.devices=2", "trainer.strategy=ddp"
RANKS = pytest.mark.parametrize("ranks", [(), TWO], ids=["one rank", "two ranks"])


class Started:
    """A command in a session of its own, and what is left of it."""

    def __init__(self, folder, *arguments, ignored=(), typed=RUN):
        def ignore():
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)

        self.folder = folder
        whole = (*typed, f"run_dir={folder}", *arguments)
        self.process = start(*whole, start_new_session=True, preexec_fn=ignore)

    def when(self, condition, seconds=120):
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, "it has ended before its moment"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return self

    def saved(self):
        return run_saved(self.folder)()

    def wait(self, seconds=60):
        code = self.process.wait(seconds)
        deadline = time.monotonic() + 10
        while (left := workers(self.folder)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left, "orphans"
        return code

    @property
    def record(self):
        return json.loads((self.folder / "run.json").read_text())


def run_saved(folder):
    return (folder / "checkpoints" / "last.ckpt").exists


def workers(folder) -> list[int]:
    """Processes that work on a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"launch.train.worker" in words and any(bytes(folder) in word for word in words):
            found.append(int(path.parent.name))
    return found


ALL = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]


@pytest.mark.parametrize("send", [os.kill, os.killpg])
@pytest.mark.parametrize("number", ALL)
def test_any_signal_saves_and_ends_with_143(tmp_path, number, send):
    run = Started(tmp_path / "run")
    run.when(run.saved)
    before = run.record["iteration"]
    send(run.process.pid, number)
    assert run.wait() == 143
    assert run.record["status"] == "interrupted"
    assert "stopped at iteration" in run.record["error"]
    assert int(run.record["error"].split()[3]) >= before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_at_start_up_there_is_nothing_to_save(tmp_path, number):
    run = Started(tmp_path / "run")
    run.when(lambda: workers(run.folder))
    os.kill(run.process.pid, number)
    assert run.wait() == 143
    assert run.record["status"] == "interrupted"


def test_every_process_of_a_job_may_get_the_signal(tmp_path):
    """As systemd and scancel send it, loaders included."""
    run = Started(tmp_path / "run", "data.workers=2")
    run.when(run.saved)
    everyone = subprocess.run(
        ["pgrep", "-s", str(run.process.pid)], capture_output=True, check=True
    )
    for pid in everyone.stdout.split():
        os.kill(int(pid), signal.SIGTERM)
    assert run.wait() == 143
    assert run.record["status"] == "interrupted"
    assert "stopped at iteration" in run.record["error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_request_ends_it_at_once(tmp_path, number):
    hung = "trainer.stop_within=600"
    run = Started(tmp_path / "run", hung)
    run.when(run.saved)
    (worker,) = workers(run.folder)
    os.kill(worker, signal.SIGSTOP)  # it does not hear the first one
    os.kill(run.process.pid, number)
    time.sleep(1.5)
    assert run.process.poll() is None
    os.kill(run.process.pid, number)
    assert run.wait(20) == 143
    assert run.record["status"] == "interrupted"


def test_a_worker_that_hangs_is_ended_after_stop_within(tmp_path):
    run = Started(tmp_path / "run", "trainer.stop_within=3")
    run.when(run.saved)
    (worker,) = workers(run.folder)
    os.kill(worker, signal.SIGSTOP)
    os.kill(run.process.pid, signal.SIGTERM)
    assert run.wait(20) == 143
    assert run.record["status"] == "interrupted"


def test_nohup_protects(tmp_path):
    run = Started(tmp_path / "run", ignored=[signal.SIGHUP])
    run.when(run.saved)
    os.killpg(run.process.pid, signal.SIGHUP)
    time.sleep(3)
    assert run.process.poll() is None
    os.kill(run.process.pid, signal.SIGTERM)
    assert run.wait() == 143


def test_a_killed_worker_is_a_failure_and_no_preemption(tmp_path):
    """Otherwise a loop that starts it again while it ends with 143 would never end."""
    run = Started(tmp_path / "run")
    run.when(run.saved)
    (worker,) = workers(run.folder)
    os.kill(worker, signal.SIGKILL)
    assert run.wait() == 137
    assert run.record["status"] == "failed"
    assert "memory runs out" in run.record["error"]


def test_a_crashed_worker_is_a_failure(tmp_path):
    run = Started(tmp_path / "run")
    run.when(run.saved)
    (worker,) = workers(run.folder)
    os.kill(worker, signal.SIGSEGV)
    assert run.wait() == 139
    assert run.record["status"] == "failed"


def test_a_killed_front_end_leaves_no_orphan(tmp_path):
    run = Started(tmp_path / "run")
    run.when(run.saved)
    os.kill(run.process.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL


def test_a_closed_terminal_saves(tmp_path):
    """The shell's session gets SIGHUP, and what is printed goes nowhere."""
    import pty  # noqa: PLC0415 - not on every system

    folder = tmp_path / "run"
    pid, terminal = pty.fork()
    if pid == 0:
        command = [sys.executable, "-m", "launch", *RUN, f"run_dir={folder}"]
        os.execv(sys.executable, command)
    deadline = time.monotonic() + 120
    while not (folder / "checkpoints" / "last.ckpt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 143
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert "stopped at iteration" in record["error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sweep_stops_and_starts_no_other_job(tmp_path, number):
    sweep = Started(tmp_path / "sweep", "-m", "seed=0,1,2")
    sweep.when((tmp_path / "sweep" / "0" / "checkpoints" / "last.ckpt").exists)
    os.kill(sweep.process.pid, number)
    assert sweep.wait() == 143
    assert not (tmp_path / "sweep" / "1" / "checkpoints").exists()


def hanging(part, after, file):
    """Typed for data that cannot be read any more at some moment."""
    hangs = f"{{_target_: tests.start.watching.Hangs, part: {part}, after: {after}, file: {file}}}"
    return f"+callbacks.hangs={hangs}"


@pytest.mark.parametrize("workers_of_data", [0, 2])
def test_a_hung_loader_is_interrupted_and_saved(tmp_path, monkeypatch, workers_of_data):
    monkeypatch.setenv("LAUNCH_TARGETS", "tests")
    file = tmp_path / "hangs"
    typed = hanging("train", 20, file), f"data.workers={workers_of_data}"
    run = Started(tmp_path / "run", *typed).when(file.exists).when(run_saved(tmp_path / "run"))
    os.kill(run.process.pid, signal.SIGTERM)
    assert run.wait() == 143
    assert run.record["status"] == "interrupted"
    assert storage.verify(Run(run.folder).last)


def test_a_validation_that_takes_too_long_is_ended_after_stop_within(tmp_path, monkeypatch):
    """Else it is finished first, so that a resume need not repeat it."""
    monkeypatch.setenv("LAUNCH_TARGETS", "tests")
    file = tmp_path / "hangs"
    often = "trainer.validate_every=6", "trainer.stop_within=3"
    run = Started(tmp_path / "run", hanging("validation", 0, file), *often).when(file.exists)
    os.kill(run.process.pid, signal.SIGTERM)
    assert run.wait() == 143
    assert run.record["status"] == "interrupted"
    assert storage.verify(Run(run.folder).last)


@RANKS
def test_an_export_is_interrupted(tmp_path, ranks):
    code, printed = launch(*RUN, "trainer.max_iterations=2", f"run_dir={tmp_path / 'run'}")
    assert code == 0, printed
    again = f"from={tmp_path / 'run'}", "task=export", f"output={tmp_path / 'out'}", *ranks
    export = Started(tmp_path / "export", *again, typed=())
    export.when(lambda: workers(export.folder))
    os.kill(export.process.pid, signal.SIGTERM)
    assert export.wait() == 143
    assert not [*(tmp_path / "out").rglob("*")]


@RANKS
def test_a_study_stops_and_starts_no_other_arm(tmp_path, ranks):
    typed = "-m", "+study=sr_ramps", "study.seeds=[0,1]", *RUN[1:], *ranks
    study = Started(tmp_path / "study", *typed, typed=())
    study.when(lambda: [*study.folder.rglob("last.ckpt")])
    os.killpg(study.process.pid, signal.SIGTERM)
    assert study.wait() == 143
    assert len([*study.folder.rglob("checkpoints")]) == 1


@RANKS
def test_a_climb_stops_and_starts_no_other_rung(tmp_path, ranks):
    """The whole says so, its first rung goes on from its checkpoint."""
    typed = "+experiment=roi/deterministic", "trainer.accelerator=cpu", "trainer.threads=1"
    climb = Started(tmp_path / "climb", *typed, "trainer.checkpoint_every=2", *ranks, typed=())
    climb.when(lambda: [*climb.folder.rglob("last.ckpt")])
    os.kill(climb.process.pid, signal.SIGTERM)
    assert climb.wait() == 143
    assert climb.record["status"] == "interrupted"
    [saved] = climb.folder.rglob("last.ckpt")
    assert Run(saved.parent.parent).status == "interrupted"


FRONT_END = """
import sys
from launch.start import pool
from tests.conftest import answer
with pool.opened():
    for typed in sys.stdin:
        print("ended with", answer(*typed.split())[0], flush=True)
"""


@pytest.mark.parametrize("count", [100])
def test_group_signals_at_random_moments(tmp_path, count):
    """One front end, as many trainings, a signal to its group in each: systemd, scancel, Ctrl-C."""
    generator = random.Random(0)
    front_end = subprocess.Popen(
        [sys.executable, "-c", FRONT_END], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path])},
    )  # fmt: skip
    assert front_end.stdin and front_end.stdout
    for place in range(count):
        folder = tmp_path / str(place)
        front_end.stdin.write(" ".join([*RUN, f"run_dir={folder}"]) + "\n")
        front_end.stdin.flush()
        deadline = time.monotonic() + 120
        while not (folder / "run.json").exists() or not run_saved(folder)():
            assert front_end.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(generator.uniform(0, 0.5))
        before = Run(folder).record["iteration"]
        os.killpg(front_end.pid, generator.choice(ALL))
        # Its workers print there too.
        printed = (line for line in front_end.stdout if line.startswith("ended"))
        assert next(printed) == "ended with 143\n", place
        run = Run(folder)
        assert run.status == "interrupted" and run.record["signal"], place
        assert run.record["iteration"] >= before
        assert storage.verify(run.last), place
    front_end.stdin.close()
    assert front_end.wait(60) == 0


@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_two_ranks_agree_to_stop(tmp_path, send):
    run = Started(tmp_path / "run", *TWO)
    run.when(run.saved)
    send(run.process.pid, signal.SIGTERM)
    assert run.wait() == 143
    assert run.record["status"] == "interrupted"
    assert "stopped at iteration" in run.record["error"]


def test_a_killed_rank_ends_the_run(tmp_path):
    run = Started(tmp_path / "run", *TWO)
    run.when(run.saved)
    _, second = sorted(workers(run.folder))
    os.kill(second, signal.SIGKILL)
    assert run.wait(120) not in (0, 143)
    assert run.record["status"] == "failed"
