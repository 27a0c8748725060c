"""Values against annotations; `garden` is the package of conftest.py."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from launch.check.annotations import complaint, evaluate
from launch.check.problem import Problem
from launch.losses import LOSSES
from launch.record.run import REPOSITORY
from launch.source.signatures import signature

BED, TEND = "garden.beds.Bed", "garden.beds.tend"

GOOD = [
    # target, argument, value
    (BED, "width", 3),
    (BED, "soil", "sand"),  # an alias of the module
    (BED, "wet", 1),  # a whole number is a number
    (TEND, "sizes", [1, 2]),  # a list fits a tuple
    (TEND, "per_year", {"2026": 1.5, "2027": None}),
    (TEND, "odd", "anything"),  # an annotation that cannot be read is not checked
    (TEND, "count", 2.5),
    (TEND, "name", 7),
    (TEND, "bed", None),
    ("torch.optim.AdamW", "lr", 2e-4),
    ("torch.optim.AdamW", "betas", [0.9, 0.99]),
    ("torch.optim.lr_scheduler.MultiStepLR", "milestones", [100, 200]),
    ("lightning.pytorch.loggers.TensorBoardLogger", "save_dir", "not/there/yet"),
]

BAD = [
    (BED, "width", 0, "must be greater than 0"),
    (BED, "width", 1.5, "must be a whole number"),
    (BED, "width", "3", "must be a whole number"),
    (BED, "width", True, "must be a whole number"),
    (BED, "wet", "1e-4", "must be a number"),  # quoted in YAML, so text
    (BED, "wet", 1.1, "must be at most 1"),
    (BED, "wet", None, "must be a number"),
    (BED, "soil", "sandy", "must be 'clay' or 'sand'. Did you mean 'sand'?"),
    (TEND, "sizes", [1], "must be a longer list"),
    (TEND, "sizes", [1, 2, 3], "must be a list of at most 2"),
    (TEND, "sizes", [1, "two"], ".1: must be a whole number"),
    (TEND, "per_year", {"2026": "x"}, ".2026: must be a number"),
    (TEND, "layer", 3, "must be a node with `_target_`"),
    (TEND, "weights", "heavy", "must be a number"),  # a tensor cannot be written in YAML
    (TEND, "count", "four", "must be a number"),  # no annotation, but a number as default
    ("torch.optim.AdamW", "lr", "fast", "must be a number"),
    ("launch.train.module.ScheduledModule", "optimizer", "adam", "must be a node with `_target_`"),
    ("launch.schedules.Points", "points", [[0, "x"]], ".0.1: must be a number"),
]


def judged(target: str, argument: str, value: Any) -> Problem | None:
    found = signature(target)
    assert found is not None
    return complaint("a", found.arguments[argument], value)


@pytest.mark.parametrize(("target", "argument", "value"), GOOD)
def test_a_value_that_fits(target: str, argument: str, value: Any):
    assert judged(target, argument, value) is None


@pytest.mark.parametrize(("target", "argument", "value", "message"), BAD)
def test_a_value_that_does_not_fit(target: str, argument: str, value: Any, message: str):
    found = judged(target, argument, value)
    assert found is not None
    inside, _, said = message.rpartition(": ")
    assert (found.key, found.message, found.exit_code) == (f"a{inside}", said, 2)


def shipped() -> set[str]:
    """What the files of the project name, and the keys that all experiments share."""
    files = [*(REPOSITORY / "conf").rglob("*.yaml")]
    named = {t for f in files for t in re.findall(r"_target_: *(\w+\.[\w.]+)", f.read_text())}
    shared = ("Trainer", "EMA", "Trainable", "MainMetric", "Plan", "Root")
    return named | {*LOSSES.values()} | {f"launch.check.settings.{name}" for name in shared}


def test_every_annotation_of_what_is_shipped_is_read():
    """One that is not would let every value pass, without a word."""
    schemas = [signature(target) for target in sorted(shipped())]
    arguments = [a for schema in schemas if schema for a in schema.arguments.values()]
    read = [TypeAdapter(evaluate(a.annotation, a.module)) for a in arguments if a.annotation]
    assert len(read) > 300


def test_a_path_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    absent = "there is no such file"
    assert judged(TEND, "map", "no.png") == Problem("a", absent, "no.png", exit_code=3)
    assert judged(TEND, "folder", "x") == Problem("a", f"{absent} or folder", "x", exit_code=3)
    (tmp_path / "plan.png").touch()
    assert judged(TEND, "map", "plan.png") is None  # relative to the current directory
    assert judged(TEND, "folder", str(tmp_path)) is None
