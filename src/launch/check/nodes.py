"""Nodes of a configuration, `{_target_: package.Class, argument: value}`, against signatures."""

from collections.abc import Collection, Iterator
from typing import Any

from launch.check.annotations import complaint
from launch.check.problem import UNSET, Problem
from launch.errors import LaunchError, MissingError, nearest
from launch.record import targets
from launch.record.inside import below, everything
from launch.source.definitions import load
from launch.source.signatures import signature

HYDRA_KEYS = frozenset({"_target_", "_partial_", "_args_", "_recursive_", "_convert_"})
SUPPLIED = {"module": ("losses",), "expand": ("config",)}
TRACKERS = "launch.trackers."


def unset(config: Any) -> Iterator[Problem]:
    """Mandatory values, `???`, that nobody has given."""
    for key, value in everything(config):
        if value == UNSET:
            yield Problem(key, f"has no value yet; give {key}=VALUE", value)


def walk(key: str, value: Any) -> Iterator[Problem]:
    """Problems of all nodes in a value, outer before inner."""
    for place, found in everything(value, key):
        if isinstance(found, dict) and "_target_" in found:
            yield from node(place, found["_target_"], found)


def node(
    key: str,
    target: Any,
    given: dict[str, Any],
    *,
    others: Collection[str] = (),
    target_key: str = "_target_",
) -> Iterator[Problem]:
    """Problems of what one target is given; one that gets more later, or in order, lacks nothing.

    Args:
        others: names that are valid beside the arguments, for suggestions.
        target_key: the key that chose the target; "" for the settings of `launch.check.settings`.
    """
    try:
        if target_key:
            targets.require(str(target))
        schema = signature(str(target))
        require_backend(str(target))
    except LaunchError as error:
        yield Problem(f"{key}.{target_key}", error.message, target, exit_code=error.exit_code)
        return
    if schema is None:
        return
    whole = not (given.get("_partial_") or given.get("_args_"))
    given = {name: value for name, value in given.items() if name not in HYDRA_KEYS}
    yield from _negative(key, str(target), given)
    owner = str(target).rpartition(".")[2]
    known = [*schema.arguments, *others]
    listed = f" It takes {', '.join(known if target_key else schema.arguments) or 'none'}."
    for name, value in given.items():
        if name in schema.arguments:
            found = is_plain(value) and complaint(below(key, name), schema.arguments[name], value)
            yield from [found] if found else []
        elif not schema.open:
            what = f"{owner} has no argument {name!r}" if target_key else "there is no such key"
            yield Problem(below(key, name), f"{what}.{nearest(name, known) or listed}", value)
    why = f"{owner} needs it" if target_key else "it has no default"
    if owner.islower() or str(target).startswith("torch.optim"):  # a function or an optimizer
        why += ", unless the node says `_partial_: true`"
    for name, argument in schema.arguments.items():
        if whole and argument.required and name not in (*given, *SUPPLIED.get(key, ())):
            yield Problem(below(key, name), f"is missing; {why}")


def _negative(key: str, target: str, given: dict[str, Any]) -> Iterator[Problem]:
    """What no optimizer takes below 0."""
    if not target.startswith("torch.optim.") or ".lr_scheduler." in target:
        return
    for name, value in given.items():
        if isinstance(value, int | float) and value < 0:
            yield Problem(below(key, name), "must not be negative", value)


def require_backend(target: str) -> None:
    """
    Raises:
        MissingError: for a tracker whose own package is not installed.
    """
    package = target.removeprefix(TRACKERS).partition(".")[0]
    if target.startswith(TRACKERS) and load(package) is None:
        raise MissingError(f"the extra package {package} is missing: pip install {package}")


def is_plain(value: Any) -> bool:
    """Whether a value is complete as it stands: no node in it, and nothing that is still unset."""
    return not any(
        v == UNSET or (isinstance(v, dict) and "_target_" in v) for _, v in everything(value)
    )
