"""Which names a configuration may call."""

import pytest

from launch.errors import ConfigError
from launch.losses import LOSSES
from launch.record import targets


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("torch.optim.AdamW", True),
        ("launch.losses.pixel.L1", True),
        ("torch.load", False),
        ("os.system", False),
        ("launch.losses", False),  # a beginning alone is no name
    ],
)
def test_beginnings_that_are_allowed(target: str, allowed: bool):
    assert targets.is_allowed(target) is allowed


def test_a_refusal_names_what_is_near_and_how_to_allow_ones_own():
    with pytest.raises(ConfigError) as caught:
        targets.require("torhc.optim.AdamW")
    assert "Did you mean 'torch'?" in caught.value.message
    assert targets.VARIABLE in caught.value.message


def test_every_target_of_a_configuration_is_found():
    config = {"a": {"_target_": "x.A", "b": [{"_target_": "x.B"}]}, "c": "x.C"}
    assert list(targets.targets(config)) == ["x.A", "x.B"]


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("My_Lab[gpu]>=1", "my-lab"), ("numpy ; python_version < '4'", "numpy"), ("a@ file:b", "a")],
)
def test_the_name_in_a_requirement(requirement: str, name: str):
    assert targets.distribution(requirement) == name


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"type": "l1"}, LOSSES["l1"]),
        ({"_target_": "mylab.losses.Own", "type": "l1"}, "mylab.losses.Own"),
    ],
)
def test_an_entry_names_its_class_by_type_or_target(entry, said):
    assert targets.of_entry(entry, LOSSES) == said


@pytest.mark.parametrize(
    ("entry", "said"),
    [({"type": "l11"}, "Did you mean"), ({}, "names no type and no _target_. Types: charbonnier")],
)
def test_an_entry_that_names_nothing(entry, said):
    with pytest.raises(ConfigError, match=said):
        targets.of_entry(entry, LOSSES)
