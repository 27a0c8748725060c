"""One file, several configurations: scales, rungs, and losses by name."""

import pickle

import cloudpickle
import pytest
from hydra.core.singleton import Singleton
from omegaconf import OmegaConf

from launch.composition.compose import compose, started
from launch.composition.recipes import Part, description, named, nulls, rungs_of
from launch.errors import ConfigError
from launch.record.run import CONF

BASE = """\
# @package _global_
defaults: [{override /data: sr/synthetic}, {override /network: compact}]
module: {_target_: launch.experiments.sr.module.SuperResolution, optimizer: {lr: 1}}
trainer: {max_iterations: 100}
rungs:
  first: {trainer: {log_every: 2}}
demo: {trainer: {max_iterations: 50, log_every: 5}}
"""
OWN = """\
# @package _global_
# What it shows.
defaults: [/base/toy, _self_]
losses:
  - {type: l1loss, loss_weight: 0.5}
  - {type: l1loss}
body: {_target_: torch.nn.Conv2d, kernel_size: 3, bias: false}
network: {_target_: torch.nn.Conv2d, kernel_size: 3}
rungs:
  first: {seed: 1}
  second: {from: "rung:first", demo: {seed: 2}}
demo:
  losses: {l1: {loss_weight: 0.25}}
  body: {bias: true}
  network: {_target_: torch.nn.Linear, out_features: 2}
  rungs: {second: {trainer: {max_iterations: 7}}}
"""


@pytest.fixture
def whole(tmp_path):
    """whole("scale=full", name="toy/own") composes from a folder with these files."""
    for name, text in {"base/toy": BASE, "experiment/toy/own": OWN}.items():
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)

    def composed(*typed, name="toy/own"):
        with started(config_dir=str(tmp_path)):
            return OmegaConf.to_container(compose([f"experiment={name}", *typed]).config)

    composed.folder = tmp_path
    return composed


@pytest.mark.parametrize(
    ("typed", "iterations", "log_every", "weight"),
    [
        ([], 50, 5, 0.25),
        (["scale=full"], 100, 50, 0.5),
        (["trainer.max_iterations=7"], 7, 5, 0.25),  # what is typed wins over both
        (["losses.l1.loss_weight=3"], 50, 5, 3),
        (["trainer=cpu"], 50, 5, 0.25),  # choices of options are not values
    ],
)
def test_blocks_of_a_scale_lie_over_all_files_below_what_is_typed(
    whole, typed, iterations, log_every, weight
):
    config = whole(*typed)
    trainer, losses = config["trainer"], config["losses"]
    assert (trainer["max_iterations"], trainer["log_every"]) == (iterations, log_every)
    assert losses["l1"] == {"type": "l1loss", "loss_weight": weight}
    assert not {"demo", "full"} & config.keys()


def test_a_node_with_another_target_replaces_the_one_that_was_there(whole):
    config = whole()
    assert config["network"] == {"_target_": "torch.nn.Linear", "out_features": 2}
    assert config["body"] == {"_target_": "torch.nn.Conv2d", "kernel_size": 3, "bias": True}


def test_an_experiment_lists_its_rungs_and_each_is_an_experiment(whole):
    assert whole()["rungs"] == ["first", "second"]
    first, second = (whole(name=f"toy/own/{rung}") for rung in ("first", "second"))
    assert (first["seed"], first["from"], first["rungs"]) == (1, None, None)
    assert (second["from"], second["name"]) == ("rung:first", "toy/own/second")


def test_a_rung_has_its_own_block_of_a_scale(whole):
    assert whole(name="toy/own/second")["trainer"]["max_iterations"] == 7
    assert whole("scale=full", name="toy/own/second")["trainer"]["max_iterations"] == 100


def test_a_rung_inherits_what_the_base_says_of_it(whole):
    assert whole("scale=full", name="toy/own/first")["trainer"]["log_every"] == 2


def test_what_a_file_is_about_is_its_first_comment(whole):
    assert description(whole.folder / "experiment/toy/own.yaml") == "What it shows."
    assert description(whole.folder / "base/toy.yaml") == ""


def test_shipped_rungs():
    assert rungs_of("pbr/phase_b") == ["segformer", "albedo", "maps"]
    assert rungs_of("sr/static") == []
    assert (CONF / "experiment/pbr/phase_b.yaml").is_file()


@pytest.mark.parametrize(
    "name",
    [
        "overlay/experiment/demo/sr/static",
        "overlay/network/full/compact",
        "rung/albedo/experiment/pbr/phase_b",
        "overlay/rung/demo/albedo/base/pbr",
    ],
)
def test_a_generated_name_and_its_part_lead_to_each_other(name):
    part = Part.of(name)
    assert part is not None
    assert part.named(part.file) == name
    assert Part.of("experiment/sr/static") is None


def test_nulls_are_the_nodes_that_name_a_class():
    block = {"a": {"_target_": "x", "b": {"_target_": "y"}}, "c": {"d": {"_target_": "z"}}, "e": 1}
    assert dict(nulls(block)) == {"a": None, "c": {"d": None}}


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


def test_sections_for_interpolation_take_no_unknown_key():
    with started(), pytest.raises(ConfigError, match=r"recipe.depth"):
        compose(["experiment=roi/standard", "recipe.depth=1"])


@pytest.mark.parametrize(
    "text",
    [
        "name: own\nrungs: [{experiment: sr/static}]\n",
        "ladder: {name: own, rungs: [{experiment: sr/static}]}\n",
    ],
)
def test_a_ladder_is_written_as_its_section_or_as_what_is_in_it(text, tmp_path, monkeypatch):
    (tmp_path / "conf/ladder").mkdir(parents=True)
    (tmp_path / "conf/ladder/own.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with started():
        config = compose(["ladder=own"]).plain
    assert config["ladder"]["name"] == "own" and config["rungs"] is None


def test_recipes_are_read_where_a_launcher_has_handed_on_the_state_of_hydra():
    """As those of joblib and Ray do it, in a process of their own."""
    with started():
        Singleton.set_state(pickle.loads(cloudpickle.dumps(Singleton.get_state())))
        composed = compose(["experiment=sr/static"]).plain
    assert composed["scale"] == "demo" and composed["trainer"]["max_iterations"] == 1500
