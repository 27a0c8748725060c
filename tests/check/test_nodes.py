"""Nodes against the signatures of their targets; `garden` is the package of conftest.py."""

from typing import Any

import pytest

from launch.check.nodes import unset, walk

ADAMW = {"_target_": "torch.optim.AdamW"}
STEPS = {"_target_": "torch.optim.lr_scheduler.MultiStepLR"}
COMPACT = {"_target_": "spandrel.architectures.Compact.Compact"}
BED = {"_target_": "garden.beds.Bed", "width": 3}

FINE = [
    {"network": COMPACT | {"upscale": 4}},
    ADAMW | {"_partial_": True, "lr": 1e-3},  # `params` is given later
    ADAMW | {"_args_": [[1, 2]]},
    {"_target_": "garden.beds.grow", "seed": 1, "colour": "red"},  # takes any keyword
    {"_target_": "garden.beds.tend", "layer": COMPACT, "_partial_": True},
    {
        "_target_": "torch.nn.functional.conv2d",
        "anything": 1,
    },  # compiled: nothing is claimed about it
    {"_target_": "garden.beds.Bed", "width": "???"},  # has a problem of its own
]

WRONG = [
    # a value, the key, what is said about it
    (ADAMW, "a.params", "is missing; AdamW needs it, unless the node says `_partial_: true`"),
    (BED | {"widht": 1}, "a.widht", "Bed has no argument 'widht'. Did you mean 'width'?"),
    (BED | {"x": 1}, "a.x", "Bed has no argument 'x'. It takes width, soil, wet."),
    (
        {"_target_": "garden.beds.Plain", "x": 1},
        "a.x",
        "Plain has no argument 'x'. It takes none.",
    ),
    ({"_target_": "garden.beds.Bedd"}, "a._target_", "garden.beds has no 'Bedd'. Did you mean"),
    ({"_target_": 7}, "a._target_", "7 is not allowed"),
    ({"_target_": "numpy.zeros"}, "a._target_", "numpy.zeros is not allowed.\nTo allow it: write"),
    ({"_target_": "launhc.pixel.L1"}, "a._target_", "launhc.pixel.L1 is not allowed. Did you mean"),
    ({"b": [{"c": STEPS | {"optimizer": 1}}]}, "a.b.0.c.milestones", "is missing"),
    (BED | {"width": -1}, "a.width", "must be greater than 0"),
]


@pytest.mark.parametrize("value", FINE)
def test_nodes_without_problems(value: Any):
    assert list(walk("a", value)) == []


@pytest.mark.parametrize(("value", "key", "message"), WRONG)
def test_nodes_with_a_problem(value: Any, key: str, message: str):
    (problem,) = (p for p in walk("a", value) if p.key == key)
    assert problem.message.startswith(message)
    assert problem.exit_code == 2


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"_target_": "garden.beds.tend", "_partial_": True, "map": "no.png"}, "a.map"),
        ({"_target_": "absent_package.Thing"}, "a._target_"),
    ],
)
def test_missing_files_and_packages_have_their_own_exit_code(value: Any, key: str):
    (problem,) = walk("a", value)
    assert (problem.key, problem.exit_code) == (key, 3)


def test_the_worker_gives_the_losses_to_the_module():
    recipe = {"_target_": "launch.train.module.ScheduledModule"}
    assert list(walk("module", recipe)) == []
    assert [p.key for p in walk("other", recipe)] == ["other.losses"]


def test_a_value_that_must_be_given_is_found_wherever_it_is():
    keys = [p.key for p in unset({"data": {"root": "???"}, "masks": [{"label": "???"}]})]
    assert keys == ["data.root", "masks.0.label"]
