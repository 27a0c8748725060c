"""Checkpoints that a configuration names: `from=`, `rung:NAME`, `experiment:NAME`. No torch."""

from collections.abc import Iterator
from typing import Any

from launch.record.inside import everything

REFERENCES = ("rung:", "experiment:")

PASSED_ON = ("scale", "seed", "data", "recipe", "trainer", "logger", "hydra")
"""Root sections of which what is typed holds for the trainings that come first as well."""


def references(config: Any) -> Iterator[str]:
    """Every reference in a configuration, in its order."""
    values = (value for _, value in everything(config) if isinstance(value, str))
    yield from (text for text in values if text.startswith(REFERENCES))


def meant(reference: str, name: str) -> str:
    """The training that a reference of the training `name` means.

    >>> meant("rung:albedo", "pbr/phase_b/maps")
    'pbr/phase_b/albedo'
    """
    kind, _, wanted = reference.partition(":")
    return f"{owner(name)}/{wanted}" if kind == "rung" else wanted


def owner(name: str) -> str:
    """The experiment in `pbr/phase_a/albedo`: two parts, the third names a rung."""
    return "/".join(name.split("/")[:2])


def with_checkpoints(config: Any, parents: dict[str, str | None]) -> Any:
    """A configuration with the checkpoint in place of every reference; null where there is none."""
    if isinstance(config, dict):
        return {key: with_checkpoints(value, parents) for key, value in config.items()}
    if isinstance(config, list):
        return [with_checkpoints(value, parents) for value in config]
    if isinstance(config, str) and config.startswith(REFERENCES):
        return parents.get(config)
    return config
