"""Kill, a full disk and a damaged one at every write of a run; nothing that was good is lost.

An audit hook in a `sitecustomize` on the path counts the events at which a process writes, so that
the code under test is not touched. `make test-chaos` does the same to whole trainings.
"""

import errno
import os
import random
import subprocess
import sys

import pytest
import torch

from launch.record import storage
from launch.record.run import Run
from launch.start import pool
from launch.train import checkpoint_files
from launch.train.metrics_csv import read
from tests.command_line import start
from tests.conftest import answer
from tests.start.test_pool import TINY
from tests.test_signals import RUN, workers

EVERY = ("kill", errno.ENOSPC, errno.EIO)

HOOK = """
import os, sys
if "CHAOS" in os.environ and os.environ["CHAOS_IN"] in " ".join(sys.orig_argv):
    place = os.environ["CHAOS_IN_FOLDER"]
    process, count, plan = 0, 0, []

    def hook(event, arguments):
        global process, count, plan
        if event == "open":
            writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        else:
            writes = event in ("os.rename", "os.link", "os.remove", "os.truncate", "os.mkdir")
        if not writes or not str(arguments[0]).startswith(place):
            return
        if process != os.getpid():  # a fork has a plan of its own
            process, count = os.getpid(), 0
            with open(os.environ["CHAOS"]) as file:
                plan = file.read().split()
        count += 1
        if plan[0] == "count":
            told = os.open(os.path.dirname(place) + "/count", os.O_WRONLY | os.O_CREAT)
            os.pwrite(told, b"%6d" % count, 0)
            os.close(told)
        elif count == int(plan[1]):
            if plan[0] == "kill":
                os.kill(os.getpid(), 9)
            raise OSError(int(plan[0]), os.strerror(int(plan[0])), str(arguments[0]))

    sys.addaudithook(hook)
"""

WRITER = """
import sys
from pathlib import Path
from launch.record import storage
from launch.record.run import Run
run = Run(Path(sys.argv[1]))
content = b"PK\\x03\\x04" + bytes(5000) + b"PK\\x05\\x06" + bytes(18)
with run.lock():
    if not run.record:
        run.start(task="train", git=None, versions={})
        run.write_config({"seed": 0})
    for iteration in range(3):
        with storage.replacing(run.last, keep=run.previous) as file:
            sealed = storage.Sealed(file)
            sealed.write(content)
            sealed.seal()
        run.note("checkpoint", iteration=iteration)
    run.finish("completed")
"""


@pytest.fixture
def chaos(tmp_path):
    """chaos(how, at): the environment of a process to which it happens, in `tmp_path / "run"`."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(HOOK)
    plan = tmp_path / "plan"

    def environment(how, at, place=""):
        plan.write_text(f"{how} {at}")
        path = os.pathsep.join([str(tmp_path / "path"), os.environ.get("PYTHONPATH", "")])
        where = {"CHAOS_IN_FOLDER": str(tmp_path / "run"), "CHAOS_IN": place, "CHAOS": str(plan)}
        return os.environ | where | {"PYTHONPATH": path}

    return environment


def written(folder, environment):
    command = [sys.executable, "-c", WRITER, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("how", "step"),
    [("kill", 6), *(pytest.param(how, 1, marks=pytest.mark.slow) for how in EVERY)],
)
def test_at_no_write_is_anything_lost(tmp_path, chaos, how, step):
    """The first three generations of a run, interrupted at every write of it, or every sixth."""
    folder = tmp_path / "run"
    assert written(folder, chaos("count", 0))[0] == 0
    events = int((tmp_path / "count").read_text())
    assert events > 20
    for at in range(1, events + 1, step):
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        written(folder, chaos(how, at))
        run = Run(folder)
        assert run.record.get("status") in (None, "running", "completed")
        if (folder / "config.yaml").exists():
            assert run.config == {"seed": 0}
        if run.last.exists():
            assert storage.verify(run.last)
        elif run.previous.exists():
            pytest.fail("there was a checkpoint, and there is none")
        code, printed = written(folder, os.environ)
        assert code == 0, printed
        assert run.reread().status == "completed"
        assert storage.verify(run.last) and storage.verify(run.previous)
        assert not [*folder.rglob("*.partial")]


SHORT = [
    *RUN,
    "trainer.validate_every=4",
    "trainer.checkpoint_every=2",
    "trainer.log_every=1",
    "trainer.max_iterations=6",
]


def bits(tensor):
    """What a tensor consists of; NaN is like NaN then."""
    return torch.frombuffer(bytearray(tensor.numpy().tobytes() or b"\0"), dtype=torch.uint8)


def same(one, other):
    """Whether two parts of a checkpoint agree in every bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(bits(one), bits(other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def trained(folder, environment):
    """The exit code of the same short training."""
    process = start(*SHORT, f"run_dir={folder}", env=environment, stdout=subprocess.DEVNULL)
    code = process.wait(300)
    assert not workers(folder)
    return code


@pytest.mark.slow
def test_a_training_killed_anywhere_ends_as_an_undisturbed_one(tmp_path, chaos):
    """`CHAOS_KILLS` runs, each killed at a random write of its worker, twice, then completed."""
    folder = tmp_path / "run"
    assert trained(folder, chaos("count", 0, "launch.train.worker")) == 0
    events = int((tmp_path / "count").read_text())
    folder.rename(tmp_path / "undisturbed")
    wanted = checkpoint_files.read(tmp_path / "undisturbed" / "checkpoints" / "last.ckpt")
    rows = (tmp_path / "undisturbed" / "metrics.csv").read_text().count("\n")
    generator = random.Random(0)
    for _ in range(int(os.environ.get("CHAOS_KILLS", "3"))):
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        for at in sorted(generator.sample(range(1, events + 1), 2), reverse=True):
            assert trained(folder, chaos("kill", at, "launch.train.worker")) in (0, 137)
        assert trained(folder, os.environ) == 0
        found = checkpoint_files.read(folder / "checkpoints" / "last.ckpt")
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "iteration"):
            assert same(found[part], wanted[part]), part
        assert (folder / "metrics.csv").read_text().count("\n") == rows
        assert not [*folder.rglob("*.partial")]


STEPS = [
    *("trainer.threads=1", "trainer.accelerator=cpu", "trainer.log_every=3"),
    *("trainer.validate_every=4", "trainer.checkpoint_every=2", "trainer.max_iterations=6"),
]
LESS = {
    "roi": ["data.train_images=16", "data.validation_images=30", "data.batch_size=4"],
    "smoke": ["data.clips=4", "data.validation_clips=2"],
    "pbr": [
        *("data.clean.count=14", "data.game.count=14", "data.clean.size=64", "data.game.size=64"),
        *("data.feed=64", "data.validation_crop=64", "data.batch_size=2"),
    ],
    "winding": ["data.spiral.size=64", "data.spiral.radius=80", "data.spiral.warp=1"],
}


@pytest.mark.slow
@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("scenario", TINY)
def test_no_write_of_a_training_loses_anything(scenario, how, tmp_path, chaos, monkeypatch):
    """At every `CHAOS_EVERY`-th write of its worker; the same command then completes it."""
    for name, value in chaos("count", 0, "launch.train").items():
        monkeypatch.setenv(name, value)
    folder, every = tmp_path / "run", int(os.environ.get("CHAOS_EVERY", "25"))
    typed = [*TINY[scenario], *LESS.get(scenario, []), *STEPS, f"run_dir={folder}"]
    with pool.opened():
        assert answer(*typed)[0] == 0
        events = int((tmp_path / "count").read_text())
        folder.rename(tmp_path / "undisturbed")
        for at in range(1, events + 1, every):
            chaos(how, at)
            code, printed = answer(*typed)
            assert code in ((0, 137) if how == "kill" else (0, 3)), printed
            chaos("nothing", 0)
            code, printed = answer(*typed)
            assert code == 0, printed
            require_same(folder, tmp_path / "undisturbed")
            subprocess.run(["rm", "-rf", str(folder)], check=True)
    print(f"{scenario}: {how} at {len(range(1, events + 1, every))} of {events} writes")


def untimed(path):
    """The rows of a log, but for how the machine did."""
    return [{k: v for k, v in row.items() if not k.startswith("health/")} for row in read(path)]


def require_same(folder, wanted):
    """The same checkpoints in every bit, the same rows, and nothing left over."""
    for place in sorted(wanted.rglob("*.ckpt")):
        found = checkpoint_files.read(folder / place.relative_to(wanted))
        for part, value in checkpoint_files.read(place).items():
            assert part == "callbacks" or same(found[part], value), part
    for place in sorted(wanted.rglob("metrics.csv")):
        assert untimed(folder / place.relative_to(wanted)) == untimed(place)
    assert not [*folder.rglob("*.partial")]
