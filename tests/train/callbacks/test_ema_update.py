"""The average moves once per completed update."""

from launch.train.callbacks.ema_update import EMAUpdate
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses


class Counting(ScheduledModule):
    updates = 0

    def update_ema(self):
        self.updates += 1


def test_accumulated_batches_and_second_optimizers_do_not_count():
    module, callback = Counting(ScheduledLosses({})), EMAUpdate()
    callback.on_train_start(None, module)
    for batch in range(8):
        module.iteration = (batch + 1) // 4
        callback.on_train_batch_end(None, module, None, None, batch)
    assert module.updates == 2
