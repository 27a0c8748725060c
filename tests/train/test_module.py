"""ScheduledModule: averages, frozen norms, and random numbers that depend on the batch."""

import pytest
import torch
from torch import nn

from launch.errors import ConfigError
from launch.schedules import Constant
from launch.train import trainable_parts
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses, Term


class Small(ScheduledModule):
    """A network with a norm and a head."""

    def __init__(self):
        super().__init__(ScheduledLosses({"pixel": Term(nn.L1Loss(), Constant(1.0))}))
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        self.head = nn.Conv2d(2, 1, 1)


@pytest.mark.parametrize(
    ("iteration", "warmup", "decay"), [(0, True, 0.1), (90, True, 0.91), (90, False, 0.99)]
)
def test_the_average_moves_by_one_minus_decay(iteration, warmup, decay):
    module = Small()
    module.average(["head"], decay=0.99, warmup=warmup)
    nn.init.constant_(module.ema["head"].weight, 1.0)
    nn.init.constant_(module.head.weight, 0.0)
    module.iteration = iteration
    module.update_ema()
    torch.testing.assert_close(module.ema["head"].weight, torch.full((1, 2, 1, 1), decay))


def test_buffers_are_copied_and_averages_are_not_trained():
    module = Small()
    module.average(["body"], decay=0.99, warmup=False)
    module.body[1].num_batches_tracked += 5
    module.update_ema()
    assert module.ema["body"][1].num_batches_tracked == 5
    assert not any(p.requires_grad for p in module.ema.parameters())
    assert not module.train().ema["body"].training


def test_the_average_of_an_unknown_part_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no sub-module 'heads'. Did you mean 'head'"):
        Small().average(["heads"], 0.99, True)


def test_the_averaged_copy_is_evaluated_if_there_is_one():
    module = Small()
    assert module.evaluated("head") is module.head
    module.average(["head"], 0.99, True)
    assert module.evaluated("head") is module.ema["head"]


def test_what_is_frozen_stays_in_evaluation_mode_through_train():
    module = Small()
    trainable_parts.apply(module, freeze=["body.*"])
    module.train()
    statistics = module.body[1].running_mean.clone()
    module.body(torch.randn(4, 1, 8, 8))
    assert module.head.training and not any(part.training for part in module.body.modules())
    assert torch.equal(module.body[1].running_mean, statistics)


def test_counters_and_weights_survive_a_checkpoint():
    module, other = Small(), Small()
    module.iteration, module.batches = 12, 24
    checkpoint = {"state_dict": module.state_dict(), "loops": {}}
    module.on_save_checkpoint(checkpoint)
    assert "loops" not in checkpoint
    other.on_load_checkpoint(checkpoint)
    assert (other.iteration, other.batches) == (12, 24)


def test_updates_of_more_batches_than_before_are_counted_in_batches_of_now():
    """One of the 13 updates was skipped, as in half precision."""
    module, other = Small(), Small()
    module.iteration, module.batches, module.accumulate, other.accumulate = 12, 26, 2, 3
    checkpoint = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(checkpoint)
    other.on_load_checkpoint(checkpoint)
    assert (other.iteration, other.batches) == (12, 39)
