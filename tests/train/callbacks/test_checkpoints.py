"""When checkpoints are written, and what a request to stop does."""

import math
from types import SimpleNamespace

import pytest

from launch.errors import PreemptedError
from launch.record.run import Run
from launch.record.stopping import requests
from launch.train import checkpoint_files
from launch.train.callbacks.checkpoints import Checkpoints
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses


class Trainer:
    """Writes the iteration into the file."""

    is_global_zero = True
    loggers = ()
    state = SimpleNamespace(fn="fit")

    def __init__(self, module):
        self.module = module

    def save_checkpoint(self, path):
        path.write_text(str(self.module.iteration))


@pytest.fixture
def module():
    return ScheduledModule(ScheduledLosses({}))


def run(module, callback, iterations, accumulate=1):
    """The batch starts of a training, and which of them saved `last.ckpt`."""
    trainer, saved = Trainer(module), []
    module.accumulate = accumulate
    for module.batches in range(iterations * accumulate + 1):
        module.iteration = module.batches // accumulate
        before = callback.saved
        callback.on_train_batch_start(trainer, module, None, 0)
        if callback.saved != before:
            saved.append(module.batches)
    return saved


def test_last_is_written_between_two_updates(tmp_path, module):
    callback = Checkpoints(Run(tmp_path), every=3, metric=None)
    callback.saved = 0
    assert run(module, callback, iterations=9, accumulate=2) == [6, 12, 18]
    assert Run(tmp_path).last.read_text() == "9"
    assert [path.name for path in callback.run.last.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(
    ("mode", "values", "best"),
    [
        ("max", [20.0, 22.0, 21.0], 1),
        ("min", [20.0, 22.0, 19.0], 2),
        ("max", [math.nan, 20.0], 1),
        ("max", [20.0, math.nan], 0),
    ],
)
def test_best_is_the_best_by_the_main_metric(tmp_path, module, mode, values, best):
    callback = Checkpoints(Run(tmp_path), every=10, metric="psnr_y", mode=mode)
    for module.iteration, value in enumerate(values):
        module.metrics = {"psnr_y": value}
        callback.offer(Trainer(module), module)
    assert Run(tmp_path).best.read_text() == str(best)
    assert callback.best_iteration == best


def test_a_request_to_stop_saves_at_the_end_of_the_update(tmp_path, module, monkeypatch):
    callback = Checkpoints(Run(tmp_path), every=100, metric=None)
    monkeypatch.setattr(requests, "at", 0.0)
    module.accumulate, module.batches, module.iteration = 2, 7, 3
    callback.on_train_batch_start(Trainer(module), module, None, 0)
    assert not Run(tmp_path).last.exists()
    module.batches, module.iteration = 8, 4
    with pytest.raises(PreemptedError, match="iteration 4"):
        callback.on_train_batch_start(Trainer(module), module, None, 0)
    assert Run(tmp_path).last.read_text() == "4"


def test_the_best_of_the_last_validation_keeps_what_resuming_needs(tmp_path, module):
    """After the training no optimizer is in memory, only in `last.ckpt`."""
    callback = Checkpoints(Run(tmp_path), every=10, metric="psnr_y")
    kept = {"iteration": 9, "optimizer_states": [{"step": 9}], "callbacks": {}}
    checkpoint_files.write(callback.run, kept, callback.run.last)
    module.metrics, module.iteration = {"psnr_y": 20.0}, 9
    callback.offer_last(Trainer(module), module)
    found = checkpoint_files.read(callback.run.best)
    assert found["optimizer_states"] == [{"step": 9}]
    assert found["callbacks"][callback.state_key] == callback.state_dict()
    assert callback.best_iteration == 9
