"""Masks are drawn for the iteration, and kept between two drawings."""

import lightning.pytorch as pl
import torch

from launch.masks.build import build
from launch.train.callbacks.mask_schedule import MaskSchedule
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses

DISC = {"label": "m", "type": "disc", "losses": ["a"], "ramp_start_it": 0, "ramp_stop_it": 9}


class Seen(ScheduledModule):
    """Notes the batches that masks are drawn for."""

    def __init__(self) -> None:
        super().__init__(ScheduledLosses({}))
        self.batches: list[object] = []

    def mask_state(self, batch):
        self.batches.append(batch)
        return {"size": (8, 8), "device": torch.device("cpu")}


def test_a_drawing_stands_until_the_next_is_due():
    module, schedule, trainer = Seen(), MaskSchedule(mask_every=2), pl.Trainer(logger=False)
    module.scheduled_masks = build([DISC])
    areas = []
    for module.iteration in range(4):
        schedule.on_train_batch_start(trainer, module, "batch", 0)
        areas.append(float(module.scheduled_masks.images()["m"].sum()))
    assert areas[0] == areas[1] < areas[2] == areas[3]


def test_a_validation_before_training_has_masks_and_one_during_it_keeps_them():
    module, schedule, trainer = Seen(), MaskSchedule(), pl.Trainer(logger=False)
    module.scheduled_masks = build([DISC])
    schedule.on_validation_start(trainer, module)
    schedule.on_validation_start(trainer, module)
    assert module.batches == [None]


def test_without_masks_nothing_is_asked():
    module = Seen()
    MaskSchedule().on_train_batch_start(pl.Trainer(logger=False), module, "batch", 0)
    assert module.batches == []
