"""What is inside a configuration, each value with its dotted key. Imports no torch."""

from collections.abc import Iterator, Mapping
from typing import Any


def children(value: Any) -> dict[str, Any]:
    """Names and values inside a mapping, places and items of a list."""
    if isinstance(value, Mapping):
        return {str(name): inner for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return {str(place): inner for place, inner in enumerate(value)}
    return {}


def below(*keys: str) -> str:
    """A dotted key; the root, "", adds nothing."""
    return ".".join(filter(None, keys))


def everything(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """A value and all that is in it, outer before inner."""
    yield key, value
    for name, inner in children(value).items():
        yield from everything(inner, below(key, name))
