"""Which classes and functions a configuration may name by `_target_`. Imports no torch.

A run folder can come from a stranger, and what it names is called. So names are allowed by a list,
other libraries give only classes of known kinds, and a function counts only under its own name:
`torch.load`, `os.system` or a way round through another module's attributes are not on it.
"""

import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    entry_points,
    packages_distributions,
)
from pathlib import Path
from typing import Any

from launch.errors import ConfigError, nearest
from launch.record.inside import children, everything
from launch.record.origin import DISTRIBUTION
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
)
"""Beginnings of names that this launcher vouches for."""

FUNCTIONS = "TARGETS"
"""Where a module lists those of its functions that a configuration may call, by name."""

KINDS = (
    "torch.nn.modules.module.Module",
    "torch.optim.optimizer.Optimizer",
    "torch.optim.lr_scheduler.LRScheduler",
    "torch.utils.data.dataset.Dataset",
    "torch.utils.data.sampler.Sampler",
    "lightning.pytorch.callbacks.callback.Callback",
    "lightning.pytorch.core.datamodule.LightningDataModule",
    "lightning.fabric.loggers.logger.Logger",
)
"""What a class of another library has to be: to make one of these runs no file and no command."""

VARIABLE = "LAUNCH_TARGETS"
GROUP = "launch.targets"


def is_allowed(target: str) -> bool:
    """Whether a dotted name begins as an allowed one, or belongs to the user's own project."""
    return target.startswith(ALLOWED) or is_below(target, own())


def is_below(target: str, packages: Iterable[str]) -> bool:
    return any(target == name or target.startswith(f"{name}.") for name in packages)


def require(target: str) -> None:
    """
    Raises:
        ConfigError: if a name is not allowed.
    """
    if not is_allowed(target):
        known = [name.strip(".") for name in (*ALLOWED, *own())]
        guess = nearest(target.partition(".")[0], {name.partition(".")[0] for name in known})
        listed = f"Allowed are names in {', '.join(known)}"
        raise ConfigError(f"{target} is not allowed.{guess}\n{how(target)}.\n{listed}")


def how(target: str) -> str:
    """What allows a name, and others of its package."""
    package = target.partition(".")[0]
    here = "the current folder" + ("" if project() else ", which needs a pyproject.toml for that")
    own = (
        f"To allow it: write it as a class in a package of {here}, or as a function that "
        f"{FUNCTIONS} of its module lists"
    )
    if package in sys.stdlib_module_names:  # files and commands: nothing to trust as a whole
        return own
    found = owners().get(package)
    installed = f'"{found[0]}"' if found else "what installs it"
    return (
        f"{own}; or add {installed} to the dependencies in its pyproject.toml, which allows "
        "modules, optimizers, data sets, callbacks and loggers; or trust "
        f"{package} as a whole by {VARIABLE}={package} (commas between several) or an entry point "
        f"of the group {GROUP}"
    )


@cache
def owners() -> Mapping[str, list[str]]:
    """Package -> the distributions that install it."""
    return packages_distributions()


def located(target: str) -> Any:
    """The class or function of a name.

    A name may lead through a module to what another module imports, so the object is looked at too.

    Raises:
        ConfigError: if it is not allowed, or not there.
    """
    require(target)
    from hydra._internal.utils import _locate  # noqa: PLC0415 - imports what is named

    try:
        found = _locate(target)
    except Exception as error:
        raise ConfigError(f"{target} cannot be imported: {error.__cause__ or error}") from error
    made = found
    while isinstance(made, partial):
        made = made.func
    if not hasattr(made, "__qualname__"):
        kind = type(made).__name__
        raise ConfigError(f"{target} is an object of {kind}; name a class or a function")
    home = f"{made.__module__}.{made.__qualname__}"
    if not is_allowed(home):
        raise ConfigError(f"{target} is {home}, which is not allowed. {how(home)}")
    if not is_below(home, listed()) and not is_known_kind(made, home):
        raise ConfigError(f"{target} is not of a kind that is allowed. {how(target)}")
    return found


def is_known_kind(found: Any, home: str) -> bool:
    """Whether it is a class of this project or the user's, of one of `KINDS`, or in `TARGETS`."""
    if not isinstance(found, type):
        module = sys.modules.get(str(getattr(found, "__module__", None)))
        return getattr(found, "__qualname__", None) in getattr(module, FUNCTIONS, ())
    ours = home.startswith("launch.") or is_below(home, packages())
    return ours or any(f"{c.__module__}.{c.__qualname__}" in KINDS for c in found.__mro__)


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
    """
    Raises:
        ConfigError: if a configuration has a target that is not allowed, or an interpolation,
            which a finished one has not and which could make one or read the environment.
    """
    for key, value in everything(config):
        text = f"{key}={value}"
        if not children(value) and "${" in text:
            raise ConfigError(f"config.yaml is not finished: it holds {text!r}; train the run anew")
    for target in targets(config):
        located(target)


def targets(config: Any) -> Iterator[str]:
    """Every `_target_` in a configuration."""
    nodes = (value for _, value in everything(config) if isinstance(value, Mapping))
    yield from (str(node["_target_"]) for node in nodes if "_target_" in node)


def own() -> tuple[str, ...]:
    """Packages of the project in the current folder, its dependencies, and those listed."""
    return tuple(dict.fromkeys([*listed(), *packages(), *dependencies()]))


@cache
def listed() -> tuple[str, ...]:
    """Packages and functions that the user trusts as a whole."""
    names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    return (*names, *(point.value.replace(":", ".") for point in entry_points(group=GROUP)))


def project() -> Path | None:
    """The folder of the user's own project, if it is the current one."""
    folder = Path.cwd()
    mine = folder != REPOSITORY and (folder / "pyproject.toml").is_file()
    return folder if mine else None


def see_own_packages() -> None:
    """Make the packages of the current folder importable, as `python -m` does."""
    for folder in (Path.cwd() / "src", Path.cwd()):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


@cache
def packages() -> tuple[str, ...]:
    """Folders with Python files in the user's project, or in its `src`."""
    folder = project()
    roots = (folder, folder / "src") if folder else ()
    found = [path.parent.name for root in roots for path in sorted(root.glob("*/*.py"))]
    return tuple(name for name in dict.fromkeys(found) if name.isidentifier())


@cache
def dependencies() -> tuple[str, ...]:
    """Packages of the distributions that a project declares, but for those that `ALLOWED` rules."""
    folder = project()
    if folder is None:
        return ()
    try:
        settings = tomllib.loads((folder / "pyproject.toml").read_text()).get("project", {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{folder / 'pyproject.toml'} cannot be read: {error}") from error
    ruled = {DISTRIBUTION, *(name.split(".")[0] for name in ALLOWED)}
    names = [re.split(r"[^\w.-]", text.strip())[0] for text in settings.get("dependencies", [])]
    found = [package for name in names if name not in ruled for package in installed(name)]
    return tuple(package for package in dict.fromkeys(found) if package not in ruled)


def installed(name: str) -> list[str]:
    """Importable packages of a distribution; none if it is not there.

    One that is installed to be edited may hold only a file that says where its source is.
    """
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return []
    files = found.files or ()
    listed = (found.read_text("top_level.txt") or "").split()
    own = [file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"]
    paths = [Path(str(file.locate())) for file in files if file.suffix == ".pth"]
    roots = [
        Path(line) for path in paths if path.is_file() for line in path.read_text().split("\n")
    ]
    linked = [path.parent.name for root in roots for path in sorted(root.glob("*/__init__.py"))]
    return [name for name in dict.fromkeys([*listed, *own, *linked]) if name.isidentifier()]
