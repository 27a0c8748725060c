"""Hydra's errors in one readable sentence with the nearest valid names. Imports no torch."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from launch.errors import ConfigError, LaunchError, nearest
from launch.run import REPOSITORY

CONF = REPOSITORY / "conf"


def explain(error: Exception, overrides: list[str]) -> LaunchError:
    """What the user did, and what to type instead."""
    if isinstance(error, MissingConfigException):
        return missing_option(error)
    if isinstance(error, OverrideParseException):
        return ConfigError(f"{error.override!r} is not an override: {first_line(error)}")
    if isinstance(error, ConfigCompositionException | HydraException):
        return impossible_override(error, overrides)
    if isinstance(error, OmegaConfBaseException):
        return ConfigError(f"{error.full_key or 'configuration'}: {first_line(error)}")
    return LaunchError(f"{type(error).__name__}: {error}")


def missing_option(error: MissingConfigException) -> ConfigError:
    """An experiment, data set, trainer, ... that no file under conf/ has."""
    wanted = (error.missing_cfg_file or "").removesuffix(".yaml")
    group, _, option = wanted.partition("/")
    known = options(group)
    if not known:
        return ConfigError(f"there is no {wanted!r}.{nearest(group, groups())}")
    return ConfigError(
        f"{group}={option}: there is no such {group}.{nearest(option, known)} "
        f"Known: {', '.join(known)}."
    )


def impossible_override(error: Exception, overrides: list[str]) -> ConfigError:
    """A key that does not exist, a `+` for one that does, or a value of the wrong type."""
    text = f"{error}\n{error.__cause__ or ''}"
    match = re.search(r"Could not (?:override|append|delete)[^']*'([^']+)'", text)
    key = match.group(1).split("=")[0].split("@")[0].lstrip("+~") if match else ""
    if not key:
        return ConfigError(first_line(error))
    if "+" in (match.group(1) if match else "") and "already" in text:
        return ConfigError(f"{key} exists already; type it without the +")
    keys = known_keys(key, overrides)
    if key in options_of_groups():
        return ConfigError(f"{key}: type +{key}=NAME")
    return ConfigError(f"there is no key {key!r}.{nearest(key, keys)}{siblings(key, keys)}")


def siblings(key: str, keys: list[str]) -> str:
    """The keys that stand beside a mistyped one."""
    parent, dot, _ = key.rpartition(".")
    beside = sorted(
        {k[len(parent) + len(dot) :].split(".")[0] for k in keys if k.startswith(parent + dot)}
    )
    where = f" in {parent}" if parent else ""
    return f" Keys{where}: {', '.join(beside)}." if beside else ""


def known_keys(key: str, overrides: list[str]) -> list[str]:
    """All dotted keys of the configuration without the override that failed."""
    parsed = zip(overrides, OverridesParser.create().parse_overrides(overrides), strict=True)
    rest = [text for text, override in parsed if override.key_or_group != key]
    try:
        config = compose("launch", rest)
    except (HydraException, OmegaConfBaseException):
        chosen = [o for o in rest if o.startswith(("+experiment", "+study", "+ladder", "data="))]
        config = compose("launch", chosen)
    return [*flatten(config), *groups()]


def flatten(config: DictConfig) -> Iterator[str]:
    """Dotted keys of a configuration, inner ones included."""
    content: Any = OmegaConf.to_container(config, resolve=False)
    yield from _flatten(content, "")


def _flatten(node: Any, prefix: str) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}"
            yield from _flatten(value, f"{prefix}{key}.")


def groups() -> list[str]:
    """Config groups: the folders of conf/."""
    return sorted(path.name for path in CONF.iterdir() if path.is_dir())


def options_of_groups() -> list[str]:
    """Groups that are added with a plus because no run has one by default."""
    return [group for group in groups() if group in ("experiment", "study", "ladder")]


def options(group: str) -> list[str]:
    """The options of a group, such as `sr/static` of `experiment`."""
    folder = CONF / group
    return sorted(str(p.relative_to(folder).with_suffix("")) for p in folder.rglob("*.yaml"))


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def description(path: Path) -> str:
    """The first comment line of a configuration file that is not a Hydra directive."""
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            return line.lstrip("# ").strip()
    return ""
