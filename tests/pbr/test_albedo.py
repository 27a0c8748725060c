"""The second job of a phase, on networks of one layer."""

import pytest
import torch
from torch import nn

from launch.experiments.pbr.albedo import Albedo, albedo_terms, look, rooted
from tests.pbr.networks import CLASSES, SIDE, Pointwise, losses, textures


def albedo(**settings):
    given = {"losses": losses(l1=nn.L1Loss()), "phase": "A", "network": Pointwise(3)}
    return Albedo(**given, optimizer=None, **settings)


def without_truth(batch, place=0):
    """The same batch, whose first texture has no true albedo."""
    batch["truth"][place, 0] = 0
    return batch


def test_where_the_truth_is_unknown_the_prediction_counts_as_right():
    batch = without_truth(textures())
    pred = torch.rand(2, 3, SIDE, SIDE, requires_grad=True)
    terms = albedo_terms(pred, batch, torch.full((2, 1, SIDE, SIDE), 2.0))
    _, target, mask = terms["l1"]
    assert torch.equal(target, batch["albedo"])
    assert mask[0].sum() == 0 and (mask[1] == 2).all()
    for _, filled, *_ in (terms["ssim"], terms["lpips"]()):
        torch.testing.assert_close(filled[0], pred[0].detach())
        torch.testing.assert_close(filled[1], batch["albedo"][1])
        assert not filled.requires_grad


def test_without_a_segmentation_pixels_count_as_the_data_say():
    batch = textures()
    assert torch.equal(albedo().albedo(batch)[1], batch["classes"])


def test_a_segmentation_is_looked_through_and_not_trained():
    recipe = albedo(segformer=Pointwise(CLASSES))
    pred, classes = recipe.albedo(textures())
    pred.sum().backward()
    assert recipe.segformer.layer.weight.grad is None
    assert recipe.network.layer.weight.grad is not None
    assert classes.max() < CLASSES


def test_errors_are_those_of_pixels_with_truth_beside_the_untouched_diffuse():
    recipe, batch = albedo(), textures()
    recipe.measure("mat", batch["albedo"] + 0.1, batch, torch.ones(2, 1, SIDE, SIDE))
    found = rooted(recipe.tally.means())
    assert found["albedo_l1_mat"] == pytest.approx(0.1, abs=1e-6)
    assert found["albedo_rmse_mat"] == pytest.approx(0.1, abs=1e-6)
    identity = (batch["diffuse"] - batch["albedo"]).abs().mean()
    assert found["albedo_l1_mat_identity"] == pytest.approx(float(identity), abs=1e-6)


def test_a_mean_square_becomes_its_root():
    assert rooted({"a_rmse_mat": 4.0, "a_l1_mat": 4.0}) == {"a_rmse_mat": 2.0, "a_l1_mat": 4.0}


def test_it_ends_when_what_is_seen_gets_worse_while_the_error_falls(monkeypatch):
    stopped, recipe = [], albedo(overfit=2)
    monkeypatch.setattr(recipe, "stop", lambda: stopped.append(True))
    for perceived, error, ended in [(5, 5, 0), (6, 4, 0), (5, 3, 0), (6, 2, 0), (7, 1, 1)]:
        recipe.watch_overfit({"lpips_val_random": perceived, "u_alb_L1": error})
        assert len(stopped) == ended
    recipe.watch_overfit({"u_alb_L1": 0.5})  # without a perceptual metric nothing is said
    assert len(stopped) == 1


def test_the_count_of_such_validations_survives_a_resume():
    recipe, again, saved = albedo(), albedo(), {"state_dict": {}}
    recipe.apart, recipe.before = 1, (0.5, 0.25)
    recipe.on_save_checkpoint(saved)
    again.on_load_checkpoint(saved)
    assert (again.apart, again.before) == (1, (0.5, 0.25))


def test_a_picture_shows_truth_and_error_where_there_is_truth():
    batch = without_truth(textures())
    known, unknown = (look(batch["albedo"][i], batch, i) for i in (1, 0))
    assert known[3].max() == 0  # a prediction without an error
    assert (known[1] == known[2]).all()
    assert (unknown[2] == unknown[3]).all()  # says that it is unknown
