"""From a finished configuration to what trains."""

import math

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from launch.composition.compose import compose, started
from launch.errors import ConfigError
from launch.record.run import Run
from launch.train import build
from launch.train.callbacks.mask_schedule import MaskSchedule
from launch.train.data import ScheduledDataModule
from launch.train.metrics_csv import MetricsCSV
from launch.train.module import ScheduledModule


@pytest.fixture(scope="module")
def config():
    with started():
        small = ["module.network.num_feat=4", "module.network.num_conv=1", "data.scenes=2"]
        return compose(["experiment=sr/static", "trainer=cpu", "seed=3", *small]).plain


def changed(config, **sections):
    """The configuration with other keys in some of its sections."""
    return config | {
        name: (config.get(name) or {}) | value if isinstance(value, dict) else value
        for name, value in sections.items()
    }


def trainer_of(config, folder, module):
    run = Run(folder / "run")
    run.note("end", experiment="sr/static", identity="i")
    return build.build_trainer(run, config, module)


def test_equal_seeds_give_equal_networks(config):
    one, same = build.build_module(config), build.build_module(config)
    other = build.build_module(config | {"seed": 4})
    first = one.network.state_dict()
    torch.testing.assert_close(same.network.state_dict(), first, rtol=0, atol=0)
    assert any(not torch.equal(v, first[key]) for key, v in other.network.state_dict().items())
    assert (one.seed, one.accumulate) == (3, config["trainer"]["accumulate"])


def test_averages_and_frozen_parts_are_in_place(config):
    averaged = {"modules": ["network"], "decay": 0.9}
    frozen = {"freeze": ["network.body.0.*"]}
    module = build.build_module(changed(config, ema=averaged, trainable=frozen))
    still = [n for n, p in module.network.named_parameters() if not p.requires_grad]
    assert still == ["body.0.weight", "body.0.bias"]
    torch.testing.assert_close(module.ema["network"].state_dict(), module.network.state_dict())


def test_a_mask_gates_losses_that_are_there(config):
    mask = {"label": "a", "type": "disc", "ramp_start_it": 0, "ramp_stop_it": 9}
    with pytest.raises(ConfigError, match="Did you mean 'pixel'"):
        build.build_module(config | {"masks": [mask | {"losses": ["pixle"]}]})
    module = build.build_module(config | {"masks": [mask | {"losses": ["pixel"]}]})
    assert [m.label for m in module.scheduled_masks.masks] == ["a"]


def test_a_setting_that_torch_refuses_is_told_before_the_training(config):
    optimizer = config["module"]["optimizer"] | {"betas": [2.0, 0.9]}
    with pytest.raises(ConfigError, match=r"module\.optimizer: Invalid beta"):
        build.build_module(changed(config, module={"optimizer": optimizer}))


@pytest.mark.parametrize(
    "kind, key, said",
    [
        (ScheduledModule, "module", "module: Linear is no ScheduledModule; inherit launch.train."),
        (ScheduledDataModule, "data", "data: Linear is no ScheduledDataModule"),
        (pl.Callback, "callbacks.a", "callbacks.a: Linear is no Callback; inherit lightning.py"),
    ],
)
def test_a_class_of_another_kind_is_refused(kind, key, said):
    with pytest.raises(ConfigError) as caught:
        build.of_kind(kind, nn.Linear(1, 1), key)
    assert caught.value.message.startswith(said)


def test_data_know_the_seed_and_how_long_the_run_is(config):
    data, module = build.build_data(config), build.build_module(config)
    module.batches = 12
    settings = config["trainer"] | {"max_iterations": None, "max_epochs": 3}
    build.prepare_stream(module, data, ranks=2, settings=settings)
    assert (data.seed, data.ranks, data.first_batch) == (3, 2, 12)
    assert module.iterations == math.ceil(3 * data.batches_per_epoch / module.accumulate)
    assert data.last_batch == module.iterations * module.accumulate


def test_the_trainer_runs_one_epoch_and_counts_validations_in_updates(config, tmp_path):
    accumulating = changed(config, trainer={"accumulate": 3, "validate_every": 10})
    module = build.build_module(accumulating)
    trainer, checkpoints = trainer_of(accumulating, tmp_path, module)
    assert (trainer.max_epochs, trainer.val_check_interval) == (1, 30)
    assert (checkpoints.metric, checkpoints.sign) == ("psnr_y", 1)
    assert isinstance(trainer.loggers[0], MetricsCSV)
    assert not any(isinstance(c, MaskSchedule) for c in trainer.callbacks)
    module.batches_per_epoch = 16
    build.validate_each_epoch(trainer, module)
    assert trainer.val_check_interval == 15  # the nearest to 16 that ends an update


def test_callbacks_of_a_configuration_come_beside_its_own(config, tmp_path):
    node = {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "psnr_y"}
    watched = config | {"callbacks": {"early": node}}
    trainer, checkpoints = trainer_of(watched, tmp_path, build.build_module(watched))
    kinds = [type(callback).__name__ for callback in trainer.callbacks]
    assert "EarlyStopping" in kinds and checkpoints in trainer.callbacks


def test_masks_drawn_seldom_are_told_where_there_are_none(config, tmp_path):
    seldom = changed(config, trainer={"mask_every": 7})
    with pytest.warns(UserWarning, match="mask_every=7 does nothing: this run has no masks"):
        trainer_of(seldom, tmp_path, build.build_module(seldom))


def test_a_logger_without_a_place_writes_into_the_run(config, tmp_path):
    node = {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": None}
    run = Run(tmp_path)
    run.note("end", experiment="a", identity="i")
    _, logger = build.build_loggers(run, config | {"logger": {"plain": node}},
                                    build.build_module(config))  # fmt: skip
    assert logger.save_dir == str(tmp_path / "plain")
