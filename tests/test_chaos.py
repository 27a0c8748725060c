"""Kill, a full disk and a damaged one at every write of a run; nothing that was good is lost.

An audit hook counts the events at which a process writes, so that the code under test is not
touched. `make test-chaos` does the same to whole trainings.
"""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from contextlib import suppress

import pytest
import torch
from PIL import Image

from launch.errors import LaunchError
from launch.record import storage
from launch.record.ledger import events
from launch.record.run import REPOSITORY, Run
from launch.train import checkpoint_files
from launch.train.metrics_csv import read
from tests.forking import FRONT_END, PLACES, WORKER, Disturbance, copy, forked, state
from tests.start.test_pool import TINY

ERRORS = (errno.ENOSPC, errno.EIO)


def write_run(folder):
    """The first three generations of a run, without a training."""
    run = Run(folder)
    content = b"PK\x03\x04" + bytes(5000) + b"PK\x05\x06" + bytes(18)
    with run.lock():
        if not run.record:
            run.start(task="train")
            run.write_config({"seed": 0})
        for iteration in range(3):
            with storage.replacing(run.last, keep=run.previous) as file:
                sealed = storage.Sealed(file)
                sealed.write(content)
                sealed.seal()
            run.note("checkpoint", iteration=iteration)
        run.finish("completed")


def require_nothing_lost(run):
    """What an interrupted process leaves is good, and another one completes it."""
    assert run.record.get("status") in (None, "running", "completed")
    if (run.folder / "config.yaml").exists():
        assert run.config == {"seed": 0}
    if run.last.exists():
        assert storage.verify(run.last)
    assert run.last.exists() or not run.previous.exists(), "there was a checkpoint"
    write_run(run.folder)
    assert run.reread().status == "completed"
    assert storage.verify(run.last) and storage.verify(run.previous)
    assert not [*run.folder.rglob("*.partial")]


@pytest.fixture
def nowhere(monkeypatch):
    """What a run says of the machine takes longer than all else."""
    monkeypatch.setattr("launch.record.run.here", dict)


def test_at_no_write_does_a_kill_lose_anything(tmp_path, nowhere):
    hook = Disturbance(tmp_path / "run", where=FRONT_END, states=tmp_path / "states")

    def task():
        sys.addaudithook(hook)
        write_run(hook.folder)
        return 0

    assert forked(task).wait() == 0
    states = [*hook.states.iterdir()]
    assert len(states) > 10
    for killed in states:
        require_nothing_lost(Run(killed))


@pytest.mark.parametrize("how", ERRORS)
def test_at_no_write_does_a_disk_lose_anything(tmp_path, how, nowhere):
    hook = Disturbance(tmp_path / "0")

    def task():
        """In a process of its own, since no audit hook can be removed."""
        sys.addaudithook(hook)
        write_run(hook.folder)
        hook.how, hook.where = how, FRONT_END
        for at in range(1, hook.counts[0] + 1):
            hook.folder, hook.at, hook.counts[0] = tmp_path / str(at), at, 0
            with suppress(OSError, LaunchError):
                write_run(hook.folder)
            require_nothing_lost(Run(hook.folder))
        return at

    assert forked(task).wait() > 20


STEPS = [
    *("trainer.threads=1", "trainer.accelerator=cpu", "trainer.log_every=3"),
    *("trainer.validate_every=4", "trainer.checkpoint_every=2", "trainer.max_iterations=6"),
]
LESS = {
    "roi": ["data.train_images=16", "data.validation_images=30", "data.batch_size=4"],
    "smoke": [
        *("data.clips=4", "data.validation_clips=2", "data.batch_size=2"),
        *("data.validation_batch=2", "module.autoencoder.channels=8"),
        *("module.autoencoder.codes=16", "module.discriminator.channels=4"),
    ],
    "pbr": [
        *("data.clean.count=14", "data.game.count=14", "data.clean.size=32", "data.game.size=32"),
        *("data.feed=32", "data.validation_crop=32", "data.crop.value=32", "data.batch_size=2"),
        "recipe.detail=1",
    ],
    "winding": ["data.spiral.size=64", "data.spiral.radius=80", "data.spiral.warp=1"],
}


@pytest.fixture(scope="module")
def ask():
    """ask(typed=[...], folder=..., ...): the answer of `tests.forking` to an order."""
    path = os.pathsep.join([str(REPOSITORY), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forking"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdin and process.stdout

    def asked(**order):
        process.stdin.write(json.dumps(order, default=str) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield asked
    process.stdin.close()
    assert process.wait(60) == 0


class Training:
    """A tiny training of a scenario, first undisturbed.

    Attributes:
        writes: how many the front end and the worker do.
        states: what kills and errors at each write of the worker leave, from the first to the last.
        codes: how it ended with each error, and what was written then.
        good: states that are known to be completed as the undisturbed one.
    """

    def __init__(self, scenario, ask, folder, errors=()):
        self.ask, self.folder, self.printed = ask, folder / "run", folder / "printed"
        self.wanted, states = folder / "undisturbed", folder / "states"
        self.typed = [*TINY[scenario], *LESS.get(scenario, []), *STEPS, f"run_dir={self.folder}"]
        self.writes = {FRONT_END: self.run(where=FRONT_END)["writes"][FRONT_END]}
        self.folder.rename(self.wanted)
        found = self.run(where=WORKER, states=states if errors else None, errors=errors)
        self.writes[WORKER] = found["writes"][WORKER]
        self.good = set()
        self.require_completed("the process that was forked at each write")
        if errors:
            self.codes = (states / "codes").read_text().splitlines()
            kept = [path for path in states.iterdir() if path.is_dir()]
            self.states = sorted(kept, key=lambda path: path.stat().st_ctime)

    def run(self, codes=(0,), **order):
        """Type the command."""
        self.printed.write_text("")
        found = self.ask(typed=self.typed, folder=self.folder, printed=self.printed, **order)
        assert found["code"] in codes, f"{order}: {found}\n{self.printed.read_text()}"
        return found

    def require_completed(self, what):
        """The same command completes what is there as if nothing had happened."""
        found = state(self.folder)
        if found not in self.good:
            self.run()
            try:
                require_same(self.folder, self.wanted)
            except AssertionError as error:
                raise AssertionError(f"{what}: {self.printed.read_text()}") from error
            self.good.add(found)
        shutil.rmtree(self.folder)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("scenario", TINY)
def test_no_write_of_a_training_loses_anything(scenario, ask, tmp_path):
    """A kill, a full and a damaged disk at each; start-up, validations and conclusion included."""
    training = Training(scenario, ask, tmp_path, ERRORS)
    unexpected = [line for line in training.codes if line.split()[0] not in ("0", "3")]
    assert not unexpected, training.printed.read_text()
    assert len(training.codes) == len(ERRORS) * training.writes[WORKER]
    for at, interrupted in enumerate(training.states):
        copy(interrupted, training.folder)
        training.require_completed(interrupted)
        print(f"{scenario}: state {at} of {len(training.states)}", file=sys.stderr)
    print(f"{scenario}: {training.writes} writes leave {len(training.states)} states")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("scenario", ["sr", "pbr"])  # one training, and one of several rungs
@pytest.mark.parametrize("how", ["kill", *ERRORS])
def test_no_write_of_a_front_end_loses_anything(scenario, how, ask, tmp_path):
    training = Training(scenario, ask, tmp_path)
    for at in range(1, training.writes[FRONT_END] + 1):
        training.run((-9,) if how == "kill" else (0, 3), how=how, where=FRONT_END, at=at)
        training.require_completed(f"{how} at write {at}")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("scenario", TINY)
def test_a_training_killed_anywhere_ends_as_an_undisturbed_one(scenario, ask, tmp_path):
    """`CHAOS_KILLS` trainings, each killed at random writes, several times."""
    training = Training(scenario, ask, tmp_path)
    generator = random.Random(0)
    for place in range(int(os.environ.get("CHAOS_KILLS", "3"))):
        for _ in range(generator.randint(2, 4)):
            where = generator.choice(PLACES)
            at = generator.randint(1, training.writes[where])
            training.run((0, 137, -9), how="kill", where=where, at=at)
        training.require_completed(f"training {place}")


@pytest.mark.slow
@pytest.mark.parametrize("change", ["data", "batch"])
def test_what_changed_since_a_kill_is_refused_until_it_is_accepted(change, ask, tmp_path):
    photos, run = tmp_path / "photos", Run(tmp_path / "run")
    photos.mkdir()
    noise = random.Random(0)
    for name in range(6):
        Image.frombytes("L", (96, 96), noise.randbytes(96 * 96)).save(photos / f"{name}.png")

    def ended(*typed, **order):
        printed = tmp_path / "printed"
        printed.write_text("")
        code = ask(typed=typed, folder=run.folder, printed=printed, **order)["code"]
        return code, printed.read_text()

    data = "data=sr/folder", f"data.root={photos}", *TINY["sr"][-3:]
    typed = *TINY["sr"][:3], *data, *STEPS, f"run_dir={run.folder}"
    first_checkpoint = 60
    assert ended(*typed, how="kill", where=WORKER, at=first_checkpoint)[0] == 137
    before = run.last.read_bytes()
    if change == "data":
        Image.frombytes("L", (128, 96), noise.randbytes(128 * 96)).save(photos / "3.png")
        again = (f"resume={run.folder}",)
    else:
        again = f"resume={run.folder}", "data.batch_size=1"
    other = {"data": "batch", "batch": "data"}[change]
    for refused in (again, (*again, f"accept=[{other}]")):
        code, printed = ended(*refused)
        assert code == 2 and f"stopped with other {change} (" in printed, printed
        assert f"accept=[{change}]" in printed
        assert run.last.read_bytes() == before
    code, printed = ended(*again, f"accept=[{change}]")
    assert code == 0, printed
    assert run.reread().status == "completed"
    first, *_, last = [e["stream"] for e in events(run.folder) if "stream" in e]
    assert {key for key in first if first[key] != last[key]} == {change}


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
    return repr(one) == repr(other)  # exact; NaN is like NaN


def untimed(path):
    """The rows of a log, but for how the machine did."""
    return [{k: v for k, v in row.items() if not k.startswith("health/")} for row in read(path)]


def require_same(folder, wanted):
    """The same checkpoints in every bit, the same rows, and nothing left over."""
    for place in sorted(wanted.rglob("*.ckpt")):
        found = checkpoint_files.read(folder / place.relative_to(wanted))
        for part, value in checkpoint_files.read(place).items():
            assert same(found[part], value), part
    for place in sorted(wanted.rglob("metrics.csv")):
        assert untimed(folder / place.relative_to(wanted)) == untimed(place)
    assert not [*folder.rglob("*.partial")]
