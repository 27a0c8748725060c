"""From the entries of a `masks:` section to ScheduledMasks."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from hydra.utils import get_class, instantiate
from pydantic import TypeAdapter, ValidationError

from launch.errors import ConfigError, nearest
from launch.masks import MASKS
from launch.masks.scheduled import MaskGenerator, ScheduledMask, ScheduledMasks
from launch.record import targets

OWN_KEYS = ("label", "type", "_target_", "losses", "start", "stop")


def build(entries: Iterable[Mapping[str, Any]]) -> ScheduledMasks:
    """Masks of `[{label, type, losses, <parameters of the type>}, ...]`.

    `start` and `stop` bound the iterations a mask works in; its generator counts from `start`.

    Raises:
        ConfigError: for a missing key, an unknown type or parameter, or a value out of range.
    """
    return ScheduledMasks([entry_mask(entry) for entry in entries])


def entry_mask(entry: Mapping[str, Any]) -> ScheduledMask:
    label = entry.get("label")
    if not isinstance(label, str) or not label:
        raise ConfigError(f"a mask needs a label, got {dict(entry)}")
    losses = entry.get("losses")
    if not isinstance(losses, list | tuple) or not losses:
        raise ConfigError(
            f"mask {label!r}: losses must list the terms it gates, got {losses!r}; "
            "a mask without any changes nothing"
        )
    try:
        generator = make(entry)
    except ConfigError as error:
        raise ConfigError(f"mask {label!r}: {error.message}") from error
    return ScheduledMask(label, tuple(losses), generator, entry.get("start", 0), entry.get("stop"))


def make(entry: Mapping[str, Any]) -> MaskGenerator:
    """The generator that an entry names, its parameters checked against the constructor."""
    generator: Any = get_class(targets.of_entry(entry, MASKS))
    name = generator.__name__
    if not hasattr(generator, "__dataclass_fields__"):
        raise ConfigError(f"{name} is no dataclass, whose fields are its parameters")
    params = {key: value for key, value in entry.items() if key not in OWN_KEYS}
    known = [f.name for f in fields(generator) if f.init]
    for key in params.keys() - set(known):
        listed = f"{name} has no parameter {key!r}; it has {', '.join(known)}."
        raise ConfigError(listed + nearest(key, known))
    try:
        return TypeAdapter(generator).validate_python(instantiate(params, _convert_="all"))
    except ValidationError as error:
        raise ConfigError(readable(error)) from error


def readable(error: ValidationError) -> str:
    """The problems of a validation in one line, each with the value that was got."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}, got {problem['input']!r}"
        if problem["type"] != "missing"
        else f"{'.'.join(map(str, problem['loc']))} is missing"
        for problem in error.errors()
    )
