"""What the jobs of a phase share; tests/pbr/test_jobs.py trains whole ones."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from launch.errors import ConfigError
from launch.experiments.pbr.layers import TARGETS, UNKNOWN
from launch.experiments.pbr.phase import image_of, those, truth_mask
from launch.experiments.pbr.segmentation import Segmentation
from launch.losses.total_variation import TotalVariation
from launch.train.objective import ScheduledLosses
from tests.pbr.networks import CLASSES, Pointwise, losses, textures

ADAM = partial(torch.optim.Adam, lr=0.1)


@pytest.fixture
def phase():
    return Segmentation(losses(ce=nn.CrossEntropyLoss()), "A", Pointwise(CLASSES), ADAM, patience=2)


def test_networks_see_colour_and_normal():
    batch = textures()
    image = image_of(batch["diffuse"], batch["normal"])
    assert torch.equal(image[:, :3], batch["diffuse"])
    assert torch.equal(image[:, 3:], batch["normal"])


def test_samples_are_chosen_in_every_part_of_a_batch():
    batch = textures(3)
    chosen = those(batch, torch.tensor([True, False, True]))
    assert {len(values) for values in chosen.values()} == {2}
    assert torch.equal(chosen["diffuse"][1], batch["diffuse"][2])


@pytest.mark.parametrize("name", TARGETS)
def test_the_mask_of_a_map_is_its_plane(name):
    batch = textures()
    batch["truth"][:, TARGETS.index(name)] = 0
    assert not truth_mask(batch, name).any()
    assert all(truth_mask(batch, other).all() for other in TARGETS if other != name)


def test_pixels_count_by_their_class_and_unknown_ones_once(phase):
    phase.class_weights[:] = torch.arange(CLASSES) + 2.0
    weights = phase.pixel_weights(torch.tensor([[[0, 3, UNKNOWN]]]))
    assert weights.tolist() == [[[[2.0, 5.0, 1.0]]]]


def test_a_loss_that_the_recipe_has_no_term_for_is_named(phase):
    phase.losses = losses(cee=nn.CrossEntropyLoss())
    with pytest.raises(ConfigError, match=r"losses\.cee: Segmentation has no such term; .*'ce'"):
        phase.training_step(textures(), 0)


def test_dropout_acts_only_where_it_is_asked_for():
    network = nn.Sequential(nn.Conv2d(6, CLASSES, 1), nn.Dropout(0.5))
    for dropout in (True, False):
        phase = Segmentation(ScheduledLosses({}), "A", network, ADAM, dropout=dropout).train()
        assert phase.network[0].training
        assert phase.network[1].training is dropout


def test_what_an_earlier_job_has_trained_stands_still(phase):
    frozen = phase.freeze(Pointwise(3))
    assert not frozen.training and not any(p.requires_grad for p in frozen.parameters())
    assert phase.freeze(None) is None


def test_the_loss_of_a_validation_is_the_weighted_sum_without_total_variation(phase):
    phase.losses = losses(ce=nn.L1Loss(), height_tv=TotalVariation())
    zeros, ones = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    given = {"ce": lambda: (zeros, ones), "height_tv": (torch.rand(2, 1, 4, 4), None, ones)}
    phase.add_validation_loss("mat", given, 2)
    assert phase.tally.means() == {"mat_val_loss": 1.0}


def validated(phase, epoch, value):
    """A validation in which the main metric has a value, in a training."""
    phase.losses.epoch = epoch
    phase.conclude({"mat_val_loss": value})


def test_a_run_without_a_gain_ends_after_its_patience(phase, monkeypatch):
    stopped = []
    monkeypatch.setattr(Segmentation, "epoch", property(lambda self: self.losses.epoch))
    monkeypatch.setattr(phase, "stop", lambda: stopped.append(phase.losses.epoch))
    for epoch, value in enumerate([1.0, 0.5, 0.499, 0.498, 0.2, 0.3, 0.3]):
        validated(phase, epoch, value)
    assert stopped == [3, 6]  # gains of less than 1 % are none
    assert phase.metrics["val_loss"] == 0.3


def test_the_mean_of_the_domains_and_of_the_training_batches(phase):
    phase.train_losses = [torch.tensor(1.0), torch.tensor(2.0)]
    phase.conclude({"mat_val_loss": 1.0, "sky_val_loss": 3.0})
    assert phase.metrics["val_loss"] == 2.0
    assert phase.training_metrics == {"train_loss": 1.5}
    assert phase.train_losses == []


def test_the_picture_shows_three_textures_of_a_domain_from_as_many_batches(phase):
    phase._trainer = SimpleNamespace(num_val_batches=[2])
    assert [phase.to_draw("mat", 4) for _ in range(3)] == [[0, 2], [0], []]
    phase._trainer = None


def test_patience_survives_a_resume(phase):
    phase.lowest, phase.lowest_epoch, phase.train_losses = 0.5, 3, [torch.tensor(2.0)]
    saved = {"state_dict": {}}
    phase.on_save_checkpoint(saved)
    again = Segmentation(losses(ce=nn.CrossEntropyLoss()), "A", Pointwise(CLASSES), ADAM)
    again.on_load_checkpoint(saved)
    assert (again.lowest, again.lowest_epoch) == (0.5, 3)
    assert [float(value) for value in again.train_losses] == [2.0]
