"""What a logged row holds, and at which iterations there is one."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from launch.schedules import LossWeight
from launch.train.callbacks.step_log import StepLog, row
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
    assert callback.latest["learning_rate"] == 0.1
