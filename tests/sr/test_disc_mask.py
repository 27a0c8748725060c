"""`masks:` outside the scenario they come from: a growing disc gates one loss of an sr run."""

import torch

from launch.check.configuration import require
from launch.train.build import build_module
from launch.train.callbacks.loss_schedule import LossSchedule
from launch.train.callbacks.mask_schedule import MaskSchedule
from tests.compositions import configuration


def module():
    config = configuration("+experiment=sr/disc_mask", "module.network.num_conv=1")
    require(config)
    return build_module(config)


def at(recipe, iteration, batch):
    """The two losses at an iteration, for a prediction that is wrong in one corner only."""
    recipe.iteration = iteration
    LossSchedule().on_validation_start(None, recipe)
    MaskSchedule()._write(recipe, batch)
    pred = batch["high"].clone()
    pred[..., :8, :8] += 0.5
    inputs = {
        name: recipe.loss_inputs(name, pred, batch["low"], batch["high"]) for name in recipe.losses
    }
    _, terms = recipe.losses(**inputs)
    return float(terms["pixel"]), float(terms["middle"])


def test_the_disc_hides_the_corners_from_one_loss_until_it_reaches_them():
    recipe = module()
    batch = {"low": torch.rand(1, 3, 16, 16), "high": torch.rand(1, 3, 64, 64)}
    pixel, hidden = at(recipe, 0, batch)
    same, seen = at(recipe, 750, batch)
    assert pixel == same > 0.005
    assert hidden < 0.2 * seen  # Charbonnier is not 0 where nothing is wrong


def test_the_disc_grows_with_the_iteration():
    recipe = module()
    batch = {"low": torch.rand(1, 3, 16, 16), "high": torch.rand(1, 3, 64, 64)}
    shares = []
    for iteration in (0, 200, 500, 750):
        at(recipe, iteration, batch)
        shares.append(float(recipe.scheduled_masks.images()["disc"].mean()))
    assert shares == sorted(shares) and shares[0] < 0.1 and shares[-1] > 0.99
