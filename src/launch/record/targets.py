"""Which classes and functions a configuration may name by `_target_`. Imports no torch.

A run folder can come from a stranger, and what it names is called. So names are allowed by a list,
and `torch.load`, `os.system` or a way round through another module's attributes are not on it.
"""

import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path
from typing import Any

from launch.errors import ConfigError, nearest
from launch.record.run import REPOSITORY

ALLOWED = (
    "launch.experiments.",
    "launch.losses.",
    "launch.masks.",
    "launch.schedules.",
    "launch.trackers.",
    "launch.train.callbacks.",
    "torch.nn.",
    "torch.optim.",
    "lightning.pytorch.loggers.",
    "lightning.pytorch.callbacks.",
    "spandrel.architectures.",
    "segmentation_models_pytorch.",
    "timm.create_model",
)
"""Beginnings of names that this launcher vouches for."""

VARIABLE = "LAUNCH_TARGETS"
GROUP = "launch.targets"
HOW = (
    f"To allow your own: write them as a package of the project in the current folder or as a "
    f"dependency in its pyproject.toml, list them in {VARIABLE} (with commas between), or in an "
    f"entry point of the group {GROUP}"
)


def is_allowed(target: str) -> bool:
    """Whether a dotted name begins as an allowed one, or belongs to the user's own project."""
    return target.startswith(ALLOWED) or target.startswith(tuple(f"{p}." for p in own()))


def require(target: str) -> None:
    """
    Raises:
        ConfigError: if a name is not allowed.
    """
    if not is_allowed(target):
        known = [name.strip(".") for name in (*ALLOWED, *own())]
        guess = nearest(target.partition(".")[0], {name.partition(".")[0] for name in known})
        listed = ", ".join(known)
        raise ConfigError(f"{target} is not allowed; a target lies in {listed}.{guess} {HOW}")


def of_entry(entry: Mapping[str, Any], table: Mapping[str, str]) -> str:
    """The class that an entry of `losses` or `masks` names by `_target_` or by a table's `type`.

    Raises:
        ConfigError: for a type that is not there.
    """
    if "_target_" in entry:
        return str(entry["_target_"])
    names = {target: name for name, target in reversed([*table.items()])}.values()
    listed = f" Types: {', '.join(sorted(names))}."
    if "type" not in entry:
        raise ConfigError(f"names no type and no _target_.{listed}")
    kind = str(entry["type"])
    if kind not in table:
        raise ConfigError(f"there is no such type.{nearest(kind, table) or listed}")
    return table[kind]


def require_all(config: Any) -> None:
    """Every `_target_` of a configuration, and what it leads to.

    A name may lead through a module to what another module imports, so the object is looked at too.

    Raises:
        ConfigError: for one that is not allowed.
    """
    for target in targets(config):
        require(target)
        from hydra.utils import get_object  # noqa: PLC0415 - imports what is named

        try:
            found = get_object(target)
        except Exception as error:
            raise ConfigError(f"{target} cannot be imported: {error}") from error
        home = f"{getattr(found, '__module__', None)}.{getattr(found, '__qualname__', '')}"
        if not is_allowed(home):
            raise ConfigError(f"{target} is {home}, which is not allowed. {HOW}")


def targets(config: Any) -> Iterator[str]:
    """Every `_target_` in a configuration."""
    if isinstance(config, dict):
        if "_target_" in config:
            yield str(config["_target_"])
        for value in config.values():
            yield from targets(value)
    elif isinstance(config, list):
        for value in config:
            yield from targets(value)


@cache
def own() -> tuple[str, ...]:
    """Packages of the project in the current folder, its dependencies, and those listed."""
    listed = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    points = [point.value for point in entry_points(group=GROUP)]
    folder = Path.cwd()
    if folder == REPOSITORY or not (folder / "pyproject.toml").is_file():
        return tuple(dict.fromkeys([*listed, *points]))
    return tuple(dict.fromkeys([*listed, *points, *packages(folder), *dependencies(folder)]))


def see_own_packages() -> None:
    """Make the packages of the current folder importable, as `python -m` does."""
    for folder in (Path.cwd() / "src", Path.cwd()):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def packages(folder: Path) -> Iterator[str]:
    """Importable packages of a project folder, or of its `src`."""
    for root in (folder, folder / "src"):
        yield from (path.parent.name for path in sorted(root.glob("*/__init__.py")))


def dependencies(folder: Path) -> Iterator[str]:
    """Packages of the distributions that a project declares, but for those that `ALLOWED` rules."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text()).get("project", {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{folder / 'pyproject.toml'} cannot be read: {error}") from error
    declared = {distribution(text) for text in project.get("dependencies", [])}
    ruled = {name.split(".")[0] for name in ALLOWED}
    for package, distributions in packages_distributions().items():
        if package not in ruled and declared & set(map(distribution, distributions)):
            yield package


def distribution(requirement: str) -> str:
    """The normalised name in a requirement such as `My_Lab[gpu]>=1`."""
    name = requirement.split(";", maxsplit=1)[0]
    for mark in "[<>=!~ (@":
        name = name.split(mark)[0]
    return name.strip().lower().replace("_", "-")
