"""What a logged row holds, and at which iterations there is one."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from launch.errors import ConfigError
from launch.schedules import LossWeight
from launch.train.callbacks.step_log import StepLog, row
from launch.train.metrics_csv import MetricsCSV, read
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses, Term


def module_with(**weights):
    return ScheduledModule(ScheduledLosses({n: Term(nn.L1Loss(), w) for n, w in weights.items()}))


def test_a_row_has_raw_weight_and_weighted_value_of_each_term():
    module = module_with(pixel=LossWeight(0.5), gan=LossWeight(0.1, start_iter=5))
    inputs = (torch.full((2,), 3.0), torch.zeros(2))
    module.losses(pixel=inputs, gan=inputs)
    assert row(module) == {
        "loss/total": 1.5,
        "loss/pixel": 3.0,
        "weight/pixel": 0.5,
        "weight/gan": 0.0,
        "weighted/pixel": 1.5,
    }


def test_no_two_things_share_a_column(tmp_path):
    module = module_with(pixel=LossWeight())
    module.iterations = 1
    log = MetricsCSV(tmp_path / "metrics.csv")
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.1}])
    state = SimpleNamespace(fn="fit")
    trainer = SimpleNamespace(loggers=[log], optimizers=[optimizer], state=state)
    callback = StepLog(1)
    callback.on_train_batch_start(trainer, module, None, 0)
    module.losses(pixel=(torch.ones(1), torch.zeros(1)))
    module.record(mask_mean=0.3, **{"Training/Stats/smoke_ratio": 0.2, "health/waited": 0.1})
    module.iteration = 1
    callback.on_train_batch_end(trainer, module, None, None, 0)
    module.iteration = 0  # a validation of the same row
    module.log_metrics({"mask_mean": 0.7})
    callback.on_validation_end(trainer, module)
    log.save()
    (row,) = read(log.path)
    assert (row["training/mask_mean"], row["mask_mean"]) == ("0.3", "0.7")
    assert (row["Training/Stats/smoke_ratio"], row["health/waited"]) == ("0.2", "0.1")


@pytest.mark.parametrize("name", ["loss/pixel", "weight/pixel", "Training/Loss/x", "iteration"])
def test_a_validation_metric_cannot_have_the_name_of_a_training_column(name):
    with pytest.raises(ConfigError, match=rf"validation metric '{name}'"):
        module_with(pixel=LossWeight()).log_metrics({name: 1.0})


def test_a_recipe_cannot_record_the_column_of_a_loss_term():
    with pytest.raises(ConfigError, match=r"loss/pixel: columns of loss terms"):
        module_with(pixel=LossWeight()).record(**{"loss/pixel": 1.0})


@pytest.mark.parametrize(
    ("every", "logged"), [(10, [0, 6, 7, 10, 14, 15, 19]), (100, [0, 6, 7, 14, 15, 19])]
)
def test_rows_stand_on_both_sides_of_every_change(every, logged):
    module = module_with(pixel=LossWeight(), gan=LossWeight(start_iter=7, disable_after=15))
    module.iterations = 20
    rows, told = [], []
    logger = SimpleNamespace(log_metrics=lambda metrics, step: rows.append(step))
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.1}])
    trainer = SimpleNamespace(loggers=[logger], optimizers=[optimizer])
    callback = StepLog(every)
    callback.on_train_start(trainer, module)
    for iteration in range(20):
        module.losses.iteration = iteration
        callback.on_train_batch_start(trainer, module, None, 0)
        told += [iteration] if module.logged else []
        module.losses(pixel=(torch.ones(1), torch.zeros(1)), gan=(torch.ones(1), torch.zeros(1)))
        module.iteration = iteration + 1
        callback.on_train_batch_end(trainer, module, None, None, 0)
    assert rows == told == logged
    assert callback.latest["training/learning_rate"] == 0.1
