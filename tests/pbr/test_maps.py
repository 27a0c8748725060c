"""The third job of a phase, on networks of one layer; test_joint_pass.py trains its joint pass."""

from functools import partial

import pytest
import torch
from torch import nn

from launch.experiments.pbr.layers import SCALARS
from launch.experiments.pbr.maps import MapsFromAlbedo, bounded, look
from launch.experiments.pbr.pictures import unknown
from tests.pbr.networks import CLASSES, SIDE, Heads, Pointwise, losses, textures

ADAM = partial(torch.optim.Adam, lr=0.4)
MASKED = {"roughness_l1": nn.L1Loss(), "metallic_bce": nn.BCELoss()}


def maps(**settings):
    given = {"losses": losses(**MASKED), "phase": "A", "network": Heads(), "optimizer": ADAM}
    return MapsFromAlbedo(**given, **settings)


def test_metallic_is_a_probability_and_the_rest_as_it_is():
    given = {name: torch.tensor([0.0, 100.0]) for name in SCALARS}
    found = bounded(given)
    assert found["metallic"].tolist() == [0.5, 1.0]
    assert all(found[name] is given[name] for name in SCALARS if name != "metallic")


def test_it_learns_the_maps_that_its_losses_name():
    assert maps().learns == ["roughness", "metallic"]


def test_it_is_trained_on_the_true_albedo_and_then_on_the_predicted_one():
    recipe, batch = maps(albedo=Pointwise(3)), textures()
    true, predicted = (recipe(batch, true_albedo=way)[0] for way in (True, False))
    assert torch.equal(true["albedo"], batch["albedo"])
    torch.testing.assert_close(
        predicted["albedo"], recipe.albedo(torch.cat([batch["diffuse"], batch["normal"]], 1))
    )
    assert not predicted["albedo"].requires_grad
    assert torch.equal(maps()(batch)[0]["albedo"], batch["albedo"])  # without such a network


def test_pixels_count_where_a_map_is_known_and_metal_is_expected_of_its_class():
    recipe, batch = maps(metal=3), textures()
    batch["truth"][0, 1:] = 0
    classes = torch.tensor([2, 3])[:, None, None].expand(2, SIDE, SIDE)
    recipe.class_weights[3] = 5.0
    terms = recipe.terms(recipe(batch)[0], batch, classes)
    assert [float(m) for m in terms["roughness_l1"][2].mean(dim=(1, 2, 3))] == [0.0, 5.0]
    assert [float(m) for m in terms["metallic_bce"][3].mean(dim=(1, 2, 3))] == [0.0, 1.0]


def test_in_the_joint_pass_the_albedo_network_has_a_rate_of_its_own():
    recipe = maps(albedo=Pointwise(3), joint_epochs=1, joint_rate=0.25)
    assert [len(group["params"]) for group in recipe.parameter_groups()] == [2]  # frozen so far
    recipe.albedo.requires_grad_(True)
    own, joint = recipe.parameter_groups()
    assert "lr" not in own and joint["lr"] == pytest.approx(0.1)


@pytest.mark.parametrize("epochs, joint, last", [(4, 1, 3), (4, 4, 0)])
def test_the_joint_pass_is_the_last_epochs(monkeypatch, epochs, joint, last):
    recipe = maps(albedo=Pointwise(3), joint_epochs=joint)
    recipe.albedo.requires_grad_(True)
    monkeypatch.setattr(MapsFromAlbedo, "epochs", epochs)
    monkeypatch.setattr(MapsFromAlbedo, "epoch", property(lambda self: self.losses.epoch))
    passes = []
    for recipe.losses.epoch in range(epochs):
        passes.append(recipe.is_joint())
        assert recipe.train().albedo.training is passes[-1]
    assert passes == [epoch >= last for epoch in range(epochs)]


def test_a_perfect_prediction_has_no_error_and_looks_like_its_truth():
    recipe, batch = maps(), textures()
    batch["metallic"] = batch["metallic"].round()
    recipe.map_means = torch.full((CLASSES, len(SCALARS)), 0.5)
    recipe.measure("mat", {n: batch[n] for n in (*SCALARS, "albedo")}, batch, batch["classes"])
    found = recipe.measured()
    assert found["roughness_l1_mat"] == found["rerender_l1_mat"] == 0
    assert found["metal_iou_mat"] == found["metal_f1_mat"] == 1
    constant = (batch["roughness"] - 0.5).abs().mean()
    assert found["roughness_l1_mat_mean"] == pytest.approx(float(constant), abs=1e-6)


def test_what_a_network_converts_is_bounded_and_in_the_order_of_the_files():
    recipe = maps(albedo=Pointwise(3), segformer=Pointwise(CLASSES)).eval()
    image = torch.rand(1, 6, SIDE, SIDE)
    with torch.no_grad():
        recipe.network.layer.bias += 10
        found = recipe.convert(image, recipe.game_condition(image), image[:, :1])
    assert found.shape == (1, 3 + len(SCALARS), SIDE, SIDE)
    assert found.min() >= 0 and (found[:, 3:] > 0.99).all()
    assert maps().game_condition(image) is None


def test_a_picture_shows_what_is_missing_as_missing():
    batch, named = textures(), unknown("class")
    whole, lacking, other = (
        look("row", batch, batch, named, 0, missing, reason)
        for missing, reason in [([], "unknown"), (["roughness"], "unknown"), (["ao"], "unknown")]
    )
    assert whole.shape == lacking.shape == other.shape
    assert (whole != lacking).any() and (lacking != other).any()
    assert (whole == look("row", batch, batch, named, 0, [], "another reason")).all()
