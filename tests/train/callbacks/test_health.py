"""What counts as waiting for data, and when it is said."""

import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from launch.schedules import Constant
from launch.train.callbacks.health import Health
from launch.train.data import ClockedLoader, ScheduledDataModule
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses, Term


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self):
        self.now = 1.0

    def perf_counter(self):
        return self.now


class Slow:
    """Samples that take a second each."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds = clock, seconds

    def __len__(self):
        return 40

    def __getitem__(self, index):
        self.clock.now += self.seconds
        return torch.zeros(1)


@pytest.mark.parametrize(("loading", "working", "share"), [(1, 3, 0.25), (0, 4, 0.0), (3, 1, 0.75)])
def test_only_the_fetch_counts_as_waiting(monkeypatch, loading, working, share):
    """A logger or a read of the device between two batches is work."""
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock.perf_counter)
    module = ScheduledModule(ScheduledLosses({"pixel": Term(nn.L1Loss(), Constant(1.0))}))
    loader = ClockedLoader(Slow(clock, loading), 1)
    trainer, health, said = SimpleNamespace(train_dataloader=loader), Health(10), []
    monkeypatch.setattr("launch.train.callbacks.health.rank_zero_warn", said.append)
    for batch in loader:
        health.on_train_batch_start(trainer, module, batch, 0)
        health.on_train_batch_end(trainer, module, None, batch, 0)
        clock.now += working  # the loggers
    assert module.recorded["health/data_wait_share"] == pytest.approx(share, abs=0.01)
    assert module.recorded["health/seconds_per_iteration"] == pytest.approx(4)
    assert said == (
        ["training waits for data over a fifth of the time; raise data.workers"]
        if share > 0.2
        else []
    )


def test_the_loader_of_a_scenario_is_clocked():
    class Data(ScheduledDataModule):
        def load(self, stage):
            self.train_set = Slow(Clock(), 0)

    data = Data(2)
    data.setup("fit")
    assert isinstance(data.train_dataloader(), ClockedLoader)


@pytest.mark.parametrize(("ranks", "learns", "told"), [(2, True, 1), (2, False, 0), (1, True, 0)])
def test_batch_norms_that_learn_on_several_ranks_are_told(monkeypatch, ranks, learns, told):
    said = []
    monkeypatch.setattr("launch.train.callbacks.health.rank_zero_warn", said.append)
    network = nn.Sequential(nn.BatchNorm2d(1)).train(learns)
    Health(10).on_train_start(SimpleNamespace(world_size=ranks), network)
    assert [text.startswith("batch norms learn from each rank's own part") for text in said] == (
        [True] * told
    )
