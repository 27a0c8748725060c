"""Which parameters train."""

import pytest
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
    ("settings", "trained"),
    [
        ({}, {"body.0", "body.1", "head"}),
        ({"freeze": ["body.*"]}, {"head"}),
        ({"freeze": ["*"], "train": ["head.*"]}, {"head"}),
        ({"norm_only": True}, {"body.1"}),
        ({"norm_only": True, "train": ["head.*"]}, {"body.1", "head"}),
    ],
)
def test_trainable_parts(settings, trained):
    module = Small()
    trainable_parts.apply(module, **settings)
    names = {n.rsplit(".", 1)[0] for n, p in module.named_parameters() if p.requires_grad}
    assert names == trained


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"freeze": ["bdy.*"]}, "no parameter matches 'bdy"), ({"freeze": ["*"]}, "nothing to train")],
)
def test_wrong_trainable_parts(settings, words):
    with pytest.raises(ConfigError, match=words):
        trainable_parts.apply(Small(), **settings)


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ({}, 1),
        ({"norm_only": True}, 4 / 24),  # the head stands still as a whole
        ({"freeze": ["*"], "train": ["head.*"]}, 1),
        ({"freeze": ["*"], "train": ["head.bias", "body.0.bias"]}, 3 / 27),
    ],
)
def test_the_share_that_trains_is_of_the_parts_in_which_any_does(settings, share):
    module = Small()
    trainable_parts.apply(module, **settings)
    assert trainable_parts.share(module) == pytest.approx(share)
