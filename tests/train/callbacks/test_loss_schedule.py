"""The objective hears of iteration and epoch before a batch and before a validation."""

import pytest

from launch.train.callbacks.loss_schedule import LossSchedule
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses


@pytest.mark.parametrize("hook", ["on_train_batch_start", "on_validation_start"])
def test_the_slot_is_written(hook):
    module = ScheduledModule(ScheduledLosses({}))
    module.iteration, module.batches, module.batches_per_epoch = 12, 25, 10
    batch = (None, 0) if hook == "on_train_batch_start" else ()
    getattr(LossSchedule(), hook)(None, module, *batch)
    assert (module.losses.iteration, module.losses.epoch) == (12, 2)
