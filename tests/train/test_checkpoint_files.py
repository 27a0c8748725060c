"""Checkpoints that are damaged are found, and the generation before takes their place."""

import errno
import os

import numpy as np
import pytest
import torch

from launch.errors import ConfigError, LaunchError
from launch.record import storage
from launch.record.run import Run
from launch.record.storage import StorageError
from launch.tools import model_files
from launch.train import checkpoint_files


def content(iteration):
    generator = torch.Generator().manual_seed(iteration)
    weights = {"network.weight": torch.randn(40, 30, generator=generator)}
    return {"iteration": iteration, "state_dict": weights, "optimizer_states": [{"step": 1}]}


@pytest.fixture
def run(tmp_path):
    """A run with two generations, of iterations 1 and 2."""
    run = Run(tmp_path)
    for iteration in (1, 2):
        checkpoint_files.write(run, content(iteration), run.last)
    return run


def damage(path, place=None):
    """Flip one bit."""
    changed = bytearray(path.read_bytes())
    place = 4 * len(changed) if place is None else place
    changed[place // 8] ^= 1 << place % 8
    path.unlink()  # a generation may be a second name of the same bytes
    path.write_bytes(changed)


def test_a_checkpoint_is_what_was_saved_and_any_program_loads_it(run):
    found = torch.load(run.last, weights_only=True)
    assert torch.equal(
        found["state_dict"]["network.weight"], content(2)["state_dict"]["network.weight"]
    )
    assert checkpoint_files.resumable(run) == run.last
    assert checkpoint_files.read(run.previous)["iteration"] == 1


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_flipped_bits_are_found(run, count):
    """None is loaded without a word: neither to resume nor as `from=`."""
    whole = run.last.read_bytes()
    for place in np.random.default_rng(0).integers(8 * len(whole), size=count):
        run.last.write_bytes(whole)
        damage(run.last, int(place))
        with pytest.warns(UserWarning, match=r"damaged.*going on from"):
            assert checkpoint_files.resumable(run) == run.previous
        with pytest.raises(LaunchError):
            model_files.read(run.last)


@pytest.mark.parametrize("length", [0, 1, 30, 1000, -1, -15, -16, -40])
def test_a_checkpoint_that_is_cut_off_is_told(run, length):
    run.last.write_bytes(run.last.read_bytes()[:length])
    with pytest.warns(UserWarning, match=r"(damaged|empty).*going on from"):
        assert checkpoint_files.resumable(run) == run.previous
    if length not in (-1, -15):  # without its seal it is a whole file, like another program's
        with pytest.raises((StorageError, ConfigError), match=r"last\.ckpt"):
            model_files.read(run.last)


def test_without_a_good_generation_the_run_says_what_to_do(run):
    damage(run.last)
    damage(run.previous)
    with pytest.raises(StorageError, match=r"Delete .* to train it anew") as caught:
        checkpoint_files.resumable(run)
    assert caught.value.message.count("is damaged") == 2
    assert caught.value.exit_code == 3
    run.last.unlink()
    run.previous.unlink()
    assert checkpoint_files.resumable(run) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("written", [0, 500, 4000])
def test_a_disk_that_refuses_leaves_the_last_good_checkpoint(run, monkeypatch, number, written):
    """However far it got, and although torch hides the disk's answer behind its own."""
    left = [written]
    write = storage.Sealed.write

    class Disk:
        def __init__(self, file):
            self.file = file

        def write(self, content):
            left[0] -= len(content)
            if left[0] < 0:
                raise OSError(number, os.strerror(number))
            return self.file.write(content)

    def refusing(self, content):
        self.file = self.file if isinstance(self.file, Disk) else Disk(self.file)
        return write(self, content)

    monkeypatch.setattr(storage.Sealed, "write", refusing)
    with pytest.raises(StorageError, match=os.strerror(number)):
        checkpoint_files.write(run, content(3), run.last)
    assert checkpoint_files.read(run.last)["iteration"] == 2
    assert sorted(os.listdir(run.last.parent)) == ["last.ckpt", "previous.ckpt"]


def test_a_checkpoint_of_another_run_is_not_gone_on_from(run, tmp_path):
    other = Run(tmp_path / "other")
    checkpoint_files.write(other, content(3), other.last)
    run.last.unlink()  # a second name of the same bytes
    run.last.write_bytes(other.last.read_bytes())
    with pytest.warns(UserWarning, match=r"no checkpoint that this run has written; going on from"):
        assert checkpoint_files.resumable(run) == run.previous
    (run.folder / "events.jsonl").unlink()  # as left by a version that kept none
    assert checkpoint_files.resumable(run) == run.last


def test_a_completed_run_may_keep_its_weights_alone(run):
    checkpoint_files.keep_weights_alone(run)
    assert run.last.is_file(), "without a best checkpoint the last one is what there is"
    checkpoint_files.write(run, content(1), run.best)
    before = run.best.stat().st_size
    checkpoint_files.keep_weights_alone(run)
    assert checkpoint_files.read(run.best).keys() == {"iteration", "state_dict"}
    assert run.best.stat().st_size < before
    assert checkpoint_files.read(run.last).keys() == {"iteration", "state_dict"}
    assert not run.previous.exists()
    assert storage.verify(run.best) and storage.verify(run.last)


@pytest.mark.parametrize("saved_once", [False, True])
def test_of_a_last_checkpoint_that_is_the_best_one_is_enough(saved_once, run):
    if saved_once:
        run.previous.unlink()
    checkpoint_files.write(run, content(2), run.best)
    checkpoint_files.keep_weights_alone(run)
    assert run.measured == run.best
    assert sorted(os.listdir(run.last.parent)) == ["best.ckpt"]
