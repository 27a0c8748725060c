"""What the worker does around a task: references, how a run ends, and what is recorded."""

import errno
import warnings
from types import SimpleNamespace
from unittest.mock import MagicMock, call

import pytest
import torch
from hydra.errors import InstantiationException
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.trainer.states import TrainerFn, TrainerState, TrainerStatus

from launch.errors import ConfigError, MissingError, NonFiniteError, PreemptedError
from launch.record.run import Run
from launch.record.stopping import Stopped
from launch.train import worker

CONFIG = {"task": "predict", "from": None, "trainer": {"threads": None}, "seed": 0}


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.start(task="predict", experiment="a")
    run.write_config(CONFIG)
    return run


def raising(monkeypatch, error):
    def task(run, config):
        raise error

    monkeypatch.setattr(worker, "predict", task)


@pytest.mark.parametrize(
    "error, code, status, said",
    [
        (ConfigError("wrong"), 2, "failed", "wrong"),
        (MissingError("absent"), 3, "failed", "absent"),
        (NonFiniteError("gan", 7, float("nan")), 1, "failed", "loss term 'gan' was nan at"),
        (PreemptedError(5), 143, "interrupted", "stopped at iteration 5"),
        (Stopped(), 143, "interrupted", "stopped at iteration 0"),
        (MisconfigurationException("No `validation_step()`"), 2, "failed", "No `validation_step"),
        (ZeroDivisionError("division"), 1, "failed", "ZeroDivisionError: division"),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "failed", "No space left"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_end_is_recorded_with_its_code(run, monkeypatch, capsys, error, code, status, said):
    raising(monkeypatch, error)
    assert worker.work(run, CONFIG) == code
    record = Run(run.folder).record
    assert record["status"] == status
    assert said in record["error"] and said in capsys.readouterr().out


def test_what_lightnings_callbacks_refuse_is_told_in_a_line(run, monkeypatch, capfd):
    """A metric that nothing logs, which only the first validation can know."""
    stopping = EarlyStopping(monitor="val_los", check_on_train_epoch_end=False)
    state = TrainerState(TrainerStatus.RUNNING, TrainerFn.FITTING)
    trainer = SimpleNamespace(
        callback_metrics={"psnr_y": 1}, fast_dev_run=False, state=state, sanity_checking=False
    )
    monkeypatch.setattr(worker, "predict", lambda *_: stopping.on_validation_end(trainer, None))
    assert worker.work(run, CONFIG) == 1
    told = "".join(capfd.readouterr())
    assert "`val_los` which is not available" in told and "`psnr_y`" in told
    assert "Traceback" not in told


def test_a_run_that_was_stopped_knows_where(run, monkeypatch):
    raising(monkeypatch, PreemptedError(5))
    worker.work(run, CONFIG)
    assert Run(run.folder).record["iteration"] == 5


def test_the_error_of_a_user_is_found_inside_that_of_hydra():
    try:
        try:
            raise MissingError("no weights")
        except MissingError as error:
            raise InstantiationException("Error in call to target") from error
    except InstantiationException as wrapped:
        assert worker.readable(wrapped).exit_code == 3
    assert worker.readable(InstantiationException("alone")).message == "alone"


def test_a_reference_becomes_the_checkpoint_that_the_record_names(run):
    parent = {"checkpoint": "a.ckpt", "folder": "a", "sha256": "0", "identity": "i"}
    run.note("end", parents=[{"reference": "experiment:a", **parent}])
    run.write_config(CONFIG | {"from": "experiment:a"})
    assert worker.as_built(run)["from"].endswith("a.ckpt")


@pytest.mark.parametrize("text", ["os.system", "torch.load"])
def test_a_configuration_of_a_stranger_calls_nothing(run, text):
    run.write_config(CONFIG | {"module": {"_target_": text}})
    assert worker.whole(run) == 2
    assert f"{text} is not allowed" in run.record["error"]


def test_choices_of_a_prediction_are_those_of_its_function(run, monkeypatch):
    class Recipe(torch.nn.Module):
        def predict(self, source, destination, tile: int = 64):
            return {}

    monkeypatch.setattr(worker, "build_module", lambda config: Recipe())
    monkeypatch.setattr(worker, "load_weights", lambda *_, **__: None)
    asked = CONFIG | {"losses": {}, "from": "x", "predict": {"tiel": 3}}
    asked["trainer"] = {"threads": None, "accelerator": "cpu"}
    with pytest.raises(ConfigError, match=r"predict\.tiel: Recipe has no such choice. .*'tile'"):
        worker.predict(run, asked)


def test_warnings_have_a_line_each_and_no_advertisement(recwarn):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        before = warnings.formatwarning
        worker.quieten()
        warnings.warn("The dataloader does not have many workers which may", stacklevel=1)
        warnings.warn("of the user's", stacklevel=1)
        assert warnings.formatwarning("of the user's", UserWarning, "", 0) == (
            "warning: of the user's\n"
        )
        warnings.formatwarning = before
    assert [str(warning.message) for warning in told] == ["of the user's"]


def test_the_last_validation_of_a_finished_training_knows_what_its_module_kept(run, monkeypatch):
    """As after a kill between the last checkpoint and that validation."""
    told = []
    for name in ("build_module", "restore_counters", "prepare_stream", "Stream", "load_weights"):
        monkeypatch.setattr(worker, name, MagicMock())
    data = MagicMock(first_batch=6, last_batch=6, batch_size=1)
    trainer = MagicMock(world_size=1, is_global_zero=False)
    monkeypatch.setattr(worker, "build_data", lambda config: data)
    monkeypatch.setattr(worker, "build_trainer", lambda *_: (trainer, MagicMock()))
    monkeypatch.setattr(worker, "resumable", lambda run: run.last)
    monkeypatch.setattr(worker, "read", lambda path: {"train_losses": [1.0]})
    monkeypatch.setattr(
        worker, "final_validation", lambda _, module, *__: told.append(module.mock_calls)
    )
    worker.train(run, CONFIG | {"trainer": {"validate_every": 4}})
    assert told == [[call.on_load_checkpoint({"train_losses": [1.0]})]]
    trainer.fit.assert_not_called()
