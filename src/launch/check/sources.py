"""Where each value of a composed configuration was written: YAML file and line, or command line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from launch.composition.compose import SAVED, Composition
from launch.composition.recipes import Part, folders, named
from launch.composition.typed import Typed

COMMAND_LINE = "command line"
HYDRA_KEYS = ("defaults", "hydra", "rungs")


@dataclass
class Sources:
    """Dotted key -> "conf/experiment/sr/x.yaml:12" or "command line"."""

    places: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, composition: Composition) -> "Sources":
        """Scan the files of a composition in the order in which they win, then what was typed."""
        sources = cls()
        if composition.primary != SAVED:
            loader = GlobalHydra.instance().config_loader()
            defaults = loader.compute_defaults_list(
                composition.primary, composition.overrides, RunMode.RUN
            ).defaults
            for default in defaults:
                sources._scan(str(default.config_path), default.package or "")
        for override in Typed.read(composition.overrides).parsed:
            if not any((folder / override.key_or_group).is_dir() for folder in folders()):
                sources._put(override.key_or_group, COMMAND_LINE, whole=True)
        return sources

    def of(self, key: str) -> str | None:
        """Where a key was set, or else the nearest key above it."""
        while key not in self.places and "." in key:
            key = key.rpartition(".")[0]
        return self.places.get(key)

    def _scan(self, name: str, package: str) -> None:
        """Note the keys of one configuration, which may be a part of a file."""
        part = Part.of(name) or Part(name)
        paths = [folder / f"{part.file}.yaml" for folder in reversed(folders())]
        path = next((path for path in paths if path.is_file()), None)
        if path is None or name.startswith("replaced/"):
            return
        inside = [part.scale] * bool(part.scale) + ["rungs", part.rung] * bool(part.rung)
        node = below(yaml.compose(path.read_text(), Loader=yaml.SafeLoader), inside)
        for key, line, value in _entries(node, package):
            place = f"{path.relative_to(path.parents[part.file.count('/') + 1])}:{line}"
            self._put(key, place, whole=not isinstance(value, yaml.MappingNode))

    def _put(self, key: str, place: str, whole: bool = False) -> None:
        """A value that replaces a `whole` mapping or list takes the keys inside with it."""
        if whole:
            self.places = {k: v for k, v in self.places.items() if not k.startswith(f"{key}.")}
        self.places[key] = place


def below(node: yaml.Node | None, keys: Iterable[str | None]) -> yaml.Node | None:
    """The node under a path of keys, None where it ends."""
    for wanted in keys:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for key, value in pairs if key.value == wanted), None)
    return node


def _entries(node: yaml.Node | None, prefix: str) -> Iterator[tuple[str, int, yaml.Node]]:
    """Dotted keys, lines and values, outer before inner; a list of losses by the names it gets."""
    for name, start, value in _children(node, prefix):
        key = f"{prefix}.{name}" if prefix else name
        if key not in HYDRA_KEYS:
            yield key, start.line + 1, value
            yield from _entries(value, key)


def _children(node: yaml.Node | None, prefix: str) -> Iterator[tuple[str, yaml.Mark, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, key.start_mark, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        names = [str(place) for place, _ in enumerate(node.value)]
        if prefix == "losses":
            names = named([_scalars(item) for item in node.value])
        yield from zip(names, [item.start_mark for item in node.value], node.value, strict=True)


def _scalars(node: yaml.Node) -> dict[str, Any]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return {key.value: value.value for key, value in pairs if isinstance(value, yaml.ScalarNode)}
