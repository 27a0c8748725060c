"""A job of a sweep as Hydra calls it; tests/front/test_sweep.py types whole ones."""

import math

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict, read_write

from launch.composition.compose import compose, started
from launch.errors import ConfigError
from launch.front import job
from launch.record.run import Run


@pytest.fixture
def config(tmp_path, monkeypatch):
    """What Hydra hands to a job, whose place is `sweep/0`."""
    monkeypatch.chdir(tmp_path)
    with started():
        composition = compose(["experiment=sr/static", "seed=3"])
        with read_write(composition.whole.hydra), open_dict(composition.whole.hydra):
            composition.whole.hydra.sweep.dir = str(tmp_path / "sweep")
            composition.whole.hydra.runtime.output_dir = str(tmp_path / "sweep" / "0")
            composition.whole.hydra.overrides.task = ["experiment=sr/static", "seed=3"]
        HydraConfig.instance().set_config(composition.whole)
        yield composition.config


def test_its_result_is_the_main_metric(config, worker, tmp_path, capsys):
    assert job.job(config) == 0.25
    assert worker.trained == [(tmp_path / "sweep" / "0").relative_to(tmp_path)]
    assert "sweep/0: experiment=sr/static seed=3" in capsys.readouterr().out
    assert Run(tmp_path / "sweep" / "0").record["seed"] == 3


def test_a_failure_is_no_result_and_does_not_end_the_sweep(config, worker):
    worker.codes = [1]
    assert math.isnan(job.job(config))


def test_what_cannot_start_is_recorded_and_told(config, worker, tmp_path, monkeypatch, capsys):
    def refused(*_):
        raise ConfigError("no such class")

    monkeypatch.setattr(job, "climb_command", refused)
    assert math.isnan(job.job(config))
    record = Run(tmp_path / "sweep" / "0").record
    assert (record["status"], record["error"], record["exit_code"]) == (
        "failed", "no such class", 2,
    )  # fmt: skip
    assert "error: no such class" in capsys.readouterr().out


def test_one_that_was_stopped_stops_the_sweep(config, worker):
    worker.codes = [143]
    with pytest.raises(SystemExit, match="143"):
        job.job(config)


def test_none_begins_once_the_sweep_is_asked_to_stop(config, worker, tmp_path):
    (tmp_path / "sweep").mkdir()
    Run(tmp_path / "sweep").ask_to_stop()
    with pytest.raises(SystemExit, match="143"):
        job.job(config)
    assert worker.trained == []
