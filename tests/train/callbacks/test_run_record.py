"""`run.json` follows a training."""

from types import SimpleNamespace

import pytest

from launch.record.run import Run
from launch.train.callbacks.run_record import RunRecord
from launch.train.module import ScheduledModule


class Counted(ScheduledModule):
    """Where a training stands, without one."""

    def __init__(self, iteration):
        self._iteration = iteration

    iteration = property(lambda self: self._iteration)
    metrics = property(lambda self: {"psnr": 25.0})
    training_metrics = property(lambda self: {"waited": 0.5})


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def trainer(is_first=True):
    return SimpleNamespace(is_global_zero=is_first)


@pytest.mark.parametrize("iteration, written", [(9, {}), (10, {"iteration": 10})])
def test_the_iteration_is_written_now_and_then(run, iteration, written):
    RunRecord(run, every=10).on_train_batch_end(trainer(), Counted(iteration), None, None, 0)
    assert run.reread().record == written


def test_a_validation_writes_its_metrics(run):
    RunRecord(run, every=10).on_validation_end(trainer(), Counted(7))
    found = {"metrics": {"psnr": 25.0}, "training_metrics": {"waited": 0.5}}
    assert run.reread().record == {"iteration": 7, **found}


def test_only_the_first_rank_writes(run):
    record = RunRecord(run, every=1)
    record.on_train_batch_end(trainer(False), Counted(1), None, None, 0)
    record.on_validation_end(trainer(False), Counted(1))
    assert not (run.folder / "run.json").exists()
