"""The plan of a ladder, from configurations that are given here."""

import csv

import pytest
from PIL import Image

from launch.errors import ConfigError
from launch.ladder import plan
from launch.ladder.ladder import Rung, read
from launch.ladder.plan import TRAINED, describe, job, points, text, trained
from launch.ladder.target import Target

CROP = {
    "_target_": "launch.schedules.Points",
    "points": [[0, 64], [3, 96]],
    "unit": "epoch",
}
CONV = {"_target_": "torch.nn.Conv2d", "in_channels": 6, "kernel_size": 1}
CONFIG = {
    "seed": 0,
    "trainer": {"max_epochs": 4, "max_iterations": None, "accumulate": 1, "gradient_clip": None},
    "data": {"crop": CROP, "share": 0.25, "flip": True, "augmentation": None},
    "module": {
        "_target_": "launch.experiments.pbr.albedo.Albedo",
        "phase": "A",
        "network": CONV | {"out_channels": 3},  # 18 + 3 parameters
        "segformer": CONV | {"out_channels": 7},  # looked at only
        "perceptual_metric": {"_target_": "launch.losses.lpips.LPIPS", "weights": "not/there"},
        "optimizer": None,
        "lr_scheduler": {"_target_": "torch.optim.lr_scheduler.StepLR", "_partial_": True},
    },
    "trainable": {"freeze": ["*"], "train": ["network.weight"]},
    "ema": None,
    "losses": {},
}
SHOW = {
    "crop": "data.crop",
    "share": "data.share",
    "flip": "data.flip",
    "two crops": "data.augmentation.two_crops",
    "schedule": "module.lr_scheduler",
    "trains": "trainable.train",
}
LADDER = {
    "name": "toy",
    "rungs": [
        {"experiment": "toy/a", "gates": [{"type": "finite", "on_fail": "stop"}]},
        {"experiment": "toy/b"},
    ],
    "show": SHOW,
}


def test_values_are_read_from_the_configuration_whatever_they_are():
    planned = job("toy/a", "", CONFIG, SHOW)
    shown = {label: text(planned, label) for label in SHOW}
    assert shown == {
        "crop": "64 to 96",
        "share": "0.25",
        "flip": "yes",
        "two crops": "",
        "schedule": "StepLR",
        "trains": "network.weight",
    }


@pytest.mark.parametrize(
    ("changes", "percent"),
    [
        ({}, 85.7),  # 18 of 21
        ({"trainable": None}, 100),
        ({"trainable": {"freeze": ["network.*"], "train": ["network.bias"]}}, 14.3),
        ({"module": {"_target_": "launch.train.module.ScheduledModule"}, "trainable": None}, None),
        ({"module": CONFIG["module"] | {"network": CONV | {"out_channels": "rung:a"}}}, None),
    ],
)
def test_what_trains_is_counted_without_the_networks_that_a_job_looks_at(changes, percent):
    assert job("toy/a", "", CONFIG | changes, {}).shown == {TRAINED: percent}


def test_a_pattern_that_no_parameter_matches_is_named_before_any_training():
    with pytest.raises(ConfigError, match=r"no parameter matches 'netwerk"):
        trained(CONFIG | {"trainable": {"freeze": ["netwerk.weight"]}})


def test_a_number_and_a_schedule_can_be_drawn_and_nothing_else():
    planned = job("toy/a", "", CONFIG, SHOW)
    drawn = {label: points(planned, label) for label in SHOW}
    assert [label for label in SHOW if drawn[label]] == ["crop", "share"]
    assert drawn["crop"][0] == (0.0, 64.0)
    assert drawn["crop"][-1] == (1.0, 96.0)


def test_a_gate_is_told_with_its_numbers_and_what_follows():
    gate = {"type": "ratio", "at_most": {"sky": 0.95, "mat": 1.1}}
    retry = {"on_fail": "retry", "remedy": ["seed=1"], "then": "warn"}
    (rung,) = read({"name": "x", "rungs": [{"experiment": "a", "gates": [gate | retry]}]}).rungs
    told = "ratio: at_most sky 0.95, mat 1.1, over 3; else retry with seed=1, then warn"
    assert describe(rung.gates[0]) == told
    limit = {"type": "threshold", "metric": "lpips", "at_most": 0.18}
    (rung,) = read({"name": "x", "rungs": [{"experiment": "a", "gates": [limit]}]}).rungs
    assert describe(rung.gates[0]) == "threshold: metric lpips, at_most 0.18; else warn"


def target(name, config=None, *inner):
    """A training, or an experiment of several; nothing of a plan looks at a composition."""
    rungs = [(Rung(f"{name}/{part.name}"), part) for part in inner]
    return Target(name, None, config or {}, None, rungs)  # pyright: ignore[reportArgumentType]


def test_the_plan_prints_draws_and_lists_every_rung_and_job(tmp_path, capsys):
    free = CONFIG | {"trainable": None, "trainer": CONFIG["trainer"] | {"max_epochs": 3}}
    two = target("toy/a", None, target("one", CONFIG), target("two", free))
    ladder = read(LADDER)
    inner = list(zip(ladder.rungs, [two, target("toy/b", CONFIG)], strict=True))
    whole = Target("toy", None, {}, ladder, inner)  # pyright: ignore[reportArgumentType]
    assert plan.main(whole, tmp_path) == 0
    printed = capsys.readouterr().out
    assert "toy/a" in printed
    assert "one: network.weight" in printed
    assert "one: 85.7" in printed
    assert "two: 100" in printed
    assert "4, 3 epochs" in printed and "two: 64 to 85.3" in printed
    assert "finite: every metric; else stop" in printed
    assert Image.open(tmp_path / "plan.png").width > 1000
    with (tmp_path / "plan.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * (len(SHOW) + 1)
    assert [row["value"] for row in rows if row["label"] == TRAINED] == ["85.7", "100", "85.7"]
    assert rows[0] == {
        "rung": "toy/a",
        "job": "one",
        "length": "4",
        "unit": "epochs",
        "label": "crop",
        "value": "64 to 96",
    }


def test_a_learning_rate_is_shown_as_its_scheduler_moves_it():
    module = CONFIG["module"] | {
        "optimizer": {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.4},
        "lr_scheduler": CONFIG["module"]["lr_scheduler"] | {"step_size": 2, "gamma": 0.5},
    }
    rate = {"rate": "module.optimizer.lr"}
    planned = job("toy/a", "", CONFIG | {"module": module}, rate)
    assert text(planned, "rate") == "0.4 to 0.2"
    assert [planned.value("rate", at) for at in (0, 1, 2, 3)] == [0.4, 0.4, 0.2, 0.2]
    still = job("toy/a", "", CONFIG | {"module": module | {"lr_scheduler": None}}, rate)
    assert text(still, "rate") == "0.4"
