"""Where each value of a composed configuration was written: YAML file and line, or command line."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from launch.compose import named
from launch.record.run import CONF

CONFIG_DIR = CONF
ROOT = "launch"
LAST = ("experiment", "ladder", "study")
COMMAND_LINE = "command line"
HYDRA_KEYS = ("defaults", "hydra")


@dataclass
class Sources:
    """Dotted key -> "conf/experiment/sr/x.yaml:12" or "command line"."""

    places: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls, choices: Mapping[str, str | None], overrides: list[str], config_dir: Path = CONFIG_DIR
    ) -> "Sources":
        """Scan the chosen files in the order in which they win, then what was typed.

        `choices` are those of Hydra, `{"data": "sr/synthetic", "experiment": "sr/x", ...}`. At
        `scale=demo` the `demo:` block stands for the keys it sets.
        """
        sources = cls()
        groups = {g: c for g, c in choices.items() if c and not g.startswith("hydra")}
        sources._scan(config_dir, "", ROOT, "")
        for group in sorted(groups, key=lambda group: group in LAST):
            sources._scan(config_dir, group, str(groups[group]), group.replace("/", "."))
        if "scale=full" not in overrides:
            for key, place in [*sources.places.items()]:
                if key.startswith("demo."):
                    sources._put(key.removeprefix("demo."), place)
        for override in overrides:
            key = re.split("[=@]", override.lstrip("+~"))[0]
            if not (config_dir / key).is_dir():
                sources._put(key, COMMAND_LINE, whole=True)
        return sources

    def of(self, key: str) -> str | None:
        """Where a key was set, or else the nearest key above it."""
        while key not in self.places and "." in key:
            key = key.rpartition(".")[0]
        return self.places.get(key)

    def _scan(self, config_dir: Path, group: str, name: str, package: str) -> None:
        """Note the keys of a file, after those of the files that it starts from.

        A defaults list names files by `/group/name`, or by their name within the same group.
        """
        path = config_dir / group / f"{name}.yaml"
        if not path.is_file():
            return
        text = path.read_text()
        header = re.search(r"^# @package (\S+)", text, re.MULTILINE)
        if header:
            package = "" if header[1] == "_global_" else header[1]
        top = yaml.compose(text, Loader=yaml.SafeLoader)
        for other in _defaults(top):
            base, _, last = other[1:].rpartition("/")
            start = (base, last) if other.startswith("/") else (group, other)
            self._scan(config_dir, *start, package)
        for key, line, node in _entries(top, package):
            place = f"{path.relative_to(config_dir.parent)}:{line}"
            self._put(key, place, whole=not isinstance(node, yaml.MappingNode))

    def _put(self, key: str, place: str, whole: bool = False) -> None:
        """A value that replaces a `whole` mapping or list takes the keys inside with it."""
        if whole:
            self.places = {k: v for k, v in self.places.items() if not k.startswith(f"{key}.")}
        self.places[key] = place


def _defaults(top: yaml.Node | None) -> list[str]:
    """Files in a defaults list; choices of groups are not among them."""
    for key, value in top.value if isinstance(top, yaml.MappingNode) else ():
        if key.value == "defaults":
            names = [entry.value for entry in value.value if isinstance(entry, yaml.ScalarNode)]
            return [name.removesuffix("@_here_") for name in names if name != "_self_"]
    return []


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
        if prefix in ("losses", "demo.losses"):
            names = named([_scalars(item) for item in node.value])
        yield from zip(names, [item.start_mark for item in node.value], node.value, strict=True)


def _scalars(node: yaml.Node) -> dict[str, Any]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return {key.value: value.value for key, value in pairs if isinstance(value, yaml.ScalarNode)}
