"""The ledger follows a training."""

from types import SimpleNamespace

import pytest

from launch.record.ledger import events
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


def test_a_validation_is_an_event_with_its_metrics(run):
    RunRecord(run).on_validation_end(trainer(), Counted(7))
    found = {"metrics": {"psnr": 25.0}, "training_metrics": {"waited": 0.5}}
    assert run.reread().record == {"iteration": 7, **found}
    assert [event["event"] for event in events(run.folder)] == ["validation"]


def test_only_the_first_rank_writes(run):
    RunRecord(run).on_validation_end(trainer(False), Counted(1))
    assert not run.record
