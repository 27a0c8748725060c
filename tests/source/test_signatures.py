"""Signatures read from source; `garden` is the package of conftest.py."""

import inspect

import pytest

from launch.errors import LaunchError
from launch.losses import LOSSES
from launch.source.signatures import class_constant, signature

# target, arguments (required ones with a star), takes further keywords
SIGNATURES = [
    ("garden.beds.Bed", "width* soil wet", False),
    ("garden.beds.Raised", "width* soil wet", False),  # inherited
    ("garden.beds.Hedge", "width* soil wet", False),  # from the second base
    ("garden.beds.Plain", "", False),  # nn.Module takes nothing
    ("garden.beds.Plot", "area* tags", False),  # a dataclass
    ("garden.beds.Named", "area* tags name*", False),
    ("garden.beds.grow", "seed* days", True),  # the implementation, not its overloads
    ("torch.optim.lr_scheduler.MultiStepLR", "optimizer* milestones* gamma last_epoch", False),
    ("launch.schedules.Points", "points* schedule_type unit", False),
    ("launch.masks.scheduled.ScheduledMask", "label* losses* generator* start stop", False),
]


@pytest.mark.parametrize(("target", "arguments", "is_open"), SIGNATURES)
def test_the_arguments_of_a_target(target: str, arguments: str, is_open: bool):
    found = signature(target)
    assert found is not None
    written = [f"{name}*" if a.required else name for name, a in found.arguments.items()]
    assert written == arguments.split()
    assert found.open == is_open


@pytest.mark.parametrize("target", sorted(set(LOSSES.values())))
def test_the_losses_have_the_signatures_that_python_sees(target: str):
    module, _, name = target.rpartition(".")
    found, loss = signature(target), getattr(pytest.importorskip(module), name)
    assert found is not None
    seen = inspect.signature(loss).parameters.values()
    assert list(found.arguments) == [p.name for p in seen if p.kind == p.POSITIONAL_OR_KEYWORD]


def test_keywords_that_are_passed_on_are_arguments_of_the_base():
    found = signature("garden.beds.Sown")
    assert list(found.arguments) == ["soil", "seed"]  # it gives width and wet itself
    assert not found.open


def test_keywords_that_are_looked_at_may_be_anything():
    found = signature("garden.beds.Sorted")
    assert found.open and not found.arguments


def test_a_class_with_a_built_in_base_has_no_readable_signature():
    assert signature("garden.beds.Foreign") is None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("launch.losses.pixel", "is a module; name a class or function in it, such as"),
        ("launch.losses.pixel.L2", "launch.losses.pixel has no 'L2'"),
    ],
)
def test_what_is_no_target(target: str, message: str):
    with pytest.raises(LaunchError) as caught:
        signature(target)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("garden.beds.Bed", True),
        ("garden.beds.Hedge", True),  # inherited
        ("garden.beds.Raised", False),  # overridden, with an annotation
        ("garden.beds.Plain", None),
        ("launch.losses.pixel.L1", True),
    ],
)
def test_a_class_attribute_is_the_nearest_one(target: str, value: bool | None):
    assert class_constant(target, "honours_masks") is value
