"""The shipped experiments: settings of the requirement document, flag by flag, and demo sizes."""

import pytest

from tests.compositions import configuration, trainings

IMAGES = {
    "train_csv": "a.csv", "image_root": "images", "batch_size": 12, "workers": 3, "img_size": 96,
    "persistent_workers": False,
}  # fmt: skip


def literal(*overrides):
    return configuration("+experiment=roi/seed_literal", "scale=full", *overrides)


def rungs(experiment):
    """What each rung trains: the name and the values that others refer to are of no account."""
    found = trainings(f"+experiment=roi/{experiment}")
    apart = {"name": None, "recipe": None}
    return {name: composition.plain | apart for name, composition in found.items()}


def test_settings_of_the_requirement_document():
    config = literal()
    module, losses, trainer = config["module"], config["losses"], config["trainer"]
    weights = {name: loss["loss_weight"] for name, loss in losses.items()}
    assert weights == {
        "full": 1.0, "consist": 1.0, "drop": 0.5, "sparse": 5e-3, "tv": 5e-4, "volume": 5.0,
    }  # fmt: skip
    assert module["temperature"] | {"_target_": ""} == {
        "_target_": "", "initial": 0.7, "rate": 0.98, "floor": 0.2, "unit": "epoch",
    }  # fmt: skip
    assert (module["mask"]["keep_ratio"], losses["volume"]["target"]) == (0.1, 0.1)
    assert module["dynamic_weights"] and trainer["channels_last"]
    assert module["balance"]["dynamic_weight_min"] == 1e-3
    assert module["optimizer"]["lr"] == 1e-4
    assert (trainer["max_epochs"], trainer["precision"]) == (20, "bf16")


FLAGS = {
    "epochs": (3, "trainer.max_epochs"),
    "accum_steps": (4, "trainer.accumulate"),
    "channels_last": (False, "trainer.channels_last"),
    "prefetch_factor": (2, "trainer.prefetch"),
    "save": ("x.pt", "module.save"),
    "lr": (0.5, "module.optimizer.lr"),
    "alpha": (0.3, "losses.consist.loss_weight"),
    "beta": (0.3, "losses.drop.loss_weight"),
    "gamma": (0.3, "losses.sparse.loss_weight"),
    "delta": (0.3, "losses.tv.loss_weight"),
    "keep_ratio": (0.3, "module.mask.keep_ratio"),
    "log_csv": ("x.csv", "module.log_csv"),
    "mask_volume_target": (0.3, "losses.volume.target"),
    "mask_volume_lambda": (0.3, "losses.volume.loss_weight"),
    "mask_temperature": (0.9, "module.temperature.initial"),
    "mask_temperature_min": (0.3, "module.temperature.floor"),
    "mask_temperature_decay": (0.9, "module.temperature.rate"),
    "mask_hard": (False, "module.mask.mask_hard"),
    "mask_gumbel": (False, "module.mask.mask_gumbel"),
    "mask_project": (False, "module.mask.mask_project"),
    "dynamic_weights": (False, "module.dynamic_weights"),
    "dynamic_weight_min": (0.3, "module.balance.dynamic_weight_min"),
    "dynamic_weight_max": (3.0, "module.balance.dynamic_weight_max"),
}


def test_every_flag_reaches_its_place():
    config = literal(*(f"recipe.{flag}={value}" for flag, (value, _) in FLAGS.items()))
    for flag, (value, path) in FLAGS.items():
        found = config
        for key in path.split("."):
            found = found[key]
        assert found == value, flag


def test_flags_of_the_images_are_keys_of_the_data():
    typed = [f"data.{flag}={value}" for flag, value in IMAGES.items()]
    data = literal("data=roi/nih", "data.root=.", *typed)["data"]
    assert {flag: data[flag] for flag in IMAGES} == IMAGES
    assert len(data["labels"]) == 14


@pytest.mark.parametrize("experiment", ["stochastic", "deterministic", "deterministic_st"])
def test_the_mask_rung_follows_the_classifier_and_leaves_it_alone(experiment):
    mask = rungs(experiment)["mask"]["module"]
    assert mask["classifier_weights"] == mask["judge_weights"] == "rung:classifier"
    assert mask["freeze_classifier"]
    assert mask["classifier"] == {
        "_target_": "launch.experiments.roi.networks.TinyClassifier", "_partial_": True,
    }  # fmt: skip


def test_baselines_differ_from_the_stochastic_recipe_in_the_mask_alone():
    found = [rungs(e) for e in ("stochastic", "deterministic_st", "deterministic")]
    for rung in found:
        source = rung["mask"]["module"].pop("mask")
        assert source["mask_gumbel"] == (rung is found[0])
        assert source["straight_through"] == (rung is not found[2])
    assert found[0] == found[1] == found[2]
