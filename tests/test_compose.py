"""Scale, typed values and named losses of a composed configuration."""

import pytest
from launch.compose import finalise, named
from omegaconf import OmegaConf

from launch.errors import ConfigError

EXPERIMENT = {
    "scale": "demo",
    "trainer": {"max_iterations": 100_000, "log_every": 50},
    "data": {"root": "photos", "crop": 64},
    "losses": {"pixel": {"type": "l1", "loss_weight": 1.0}},
    "demo": {"trainer": {"max_iterations": 1500}, "losses": {"pixel": {"loss_weight": 0.5}}},
}


@pytest.mark.parametrize(
    ("scale", "overrides", "iterations"),
    [
        ("full", [], 100_000),
        ("demo", [], 1500),
        ("demo", ["trainer.max_iterations=7"], 7),  # what is typed wins over both
        ("demo", ["data=sr/folder", "trainer=cpu"], 1500),  # choices of options are not values
    ],
)
def test_the_demo_block_shrinks_the_settings_below_what_is_typed(scale, overrides, iterations):
    config = OmegaConf.create(EXPERIMENT | {"scale": scale})
    for override in overrides:
        key, _, value = override.partition("=")
        if "." in key:
            OmegaConf.update(config, key, int(value))
    plain = finalise(config, overrides)
    assert plain["trainer"]["max_iterations"] == iterations
    assert plain["losses"]["pixel"]["loss_weight"] == (1.0 if scale == "full" else 0.5)
    assert "demo" not in plain


def test_a_typed_loss_weight_wins_over_the_demo_block():
    config = OmegaConf.create(EXPERIMENT)
    plain = finalise(config, ["losses.pixel.loss_weight=0.25", "+losses.pixel.start_iter=3"])
    assert plain["losses"]["pixel"] == {"type": "l1", "loss_weight": 0.25, "start_iter": 3}


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        (["convnextperceptualloss", "ganloss", "ldlloss"], ["convnextperceptual", "gan", "ldl"]),
        (["l1loss", "l1loss", "l1"], ["l1", "l1_2", "l1_3"]),
        (["perceptual_loss"], ["perceptual"]),
    ],
)
def test_listed_losses_get_names_from_their_types(entries, names):
    losses = named([{"type": kind, "loss_weight": 0.0} for kind in entries])
    assert list(losses) == names
    assert all(entry["loss_weight"] == 0.0 for entry in losses.values())


def test_a_listed_loss_may_bring_its_name():
    assert named([{"type": "l1loss", "name": "fine"}]) == {"fine": {"type": "l1loss"}}


def test_a_node_with_another_target_replaces_the_one_that_was_there():
    network = {"_target_": "torch.nn.Conv2d", "kernel_size": 3, "bias": False}
    demo = {"network": {"_target_": "torch.nn.Linear", "out_features": 2}, "body": {"bias": True}}
    config = OmegaConf.create({"scale": "demo", "network": network, "body": network, "demo": demo})
    plain = finalise(config, [])
    assert plain["network"] == {"_target_": "torch.nn.Linear", "out_features": 2}
    assert plain["body"] == network | {"bias": True}


def test_sections_for_interpolation_are_not_part_of_what_runs():
    config = OmegaConf.create({"recipe": {"width": 8}, "data": {"width": "${recipe.width}"}})
    assert finalise(config, ["recipe.width=8"]) == {"data": {"width": 8}}
    with pytest.raises(ConfigError, match=r"recipe.depth"):
        finalise(config, ["+recipe.depth=1"])
