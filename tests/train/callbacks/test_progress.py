"""The lines of one training where there is no terminal."""

from itertools import pairwise
from types import SimpleNamespace

import pytest

from launch.train.callbacks import progress
from launch.train.callbacks.progress import ProgressBar, clock, describe

LATEST = {"loss/total": 0.5, "weight/l1": 1.0, "weight/gan": 0.0, "weight/ssim": 0.1}


@pytest.fixture
def lines(monkeypatch, capsys):
    """The seconds at which a training of 3000 seconds prints, and what."""
    now = [0.0]
    module = SimpleNamespace(iteration=0, iterations=3000, metrics={})
    trainer = SimpleNamespace(is_global_zero=True)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "ScheduledModule", SimpleNamespace)
    bar = ProgressBar(SimpleNamespace(latest=LATEST), "pbr/phase_a/albedo")
    bar.on_train_start(trainer, module)
    found = []
    for second in range(1, 3001):
        now[0], module.iteration = second, second
        bar.on_train_batch_end(trainer, module, None, None, 0)
        printed = capsys.readouterr().out
        found += [(second, printed)] if printed else []
    bar.on_train_end(trainer, module)
    return [*found, (3000, capsys.readouterr().out)]


def test_lines_come_at_growing_distances(lines):
    assert [second for second, _ in lines[:4]] == [16, 47, 140, 419]
    distances = [b[0] - a[0] for a, b in pairwise(lines)]
    assert max(distances) <= progress.LONGEST + 1
    assert len(lines) < 12


def test_every_line_begins_with_the_name_of_the_training(lines):
    assert all(line.startswith("pbr/phase_a/albedo  iteration ") for _, line in lines)
    assert "16/3000  49:44 left  loss 0.5" in lines[0][1]
    assert "3000/3000  in 50:00" in lines[-1][1]


def test_weights_are_labelled_and_only_the_active_ones_named():
    module = SimpleNamespace(metrics={"psnr_y": 27.123})
    assert describe(LATEST, module) == "loss 0.5  weights: l1 1, ssim 0.1  psnr_y 27.12"
    assert describe({}, module) == "psnr_y 27.12"
    many = {"loss/total": 0.5} | {f"weight/{name}": 0.25 for name in "abcde"}
    assert "weights: a 0.25, b 0.25, c 0.25, 2 more  " in describe(many, module)


def test_hours_are_shown_where_there_are_any():
    assert [clock(s) for s in (5, 75, 3675)] == ["0:05", "1:15", "1:01:15"]
