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
from launch.record.run import CONF
from launch.schedules import LOSS_WEIGHT_KEYS

ADDED = ("experiment", "study", "ladder")
INTERNAL = ("base", "hydra")


def explain(error: Exception, overrides: list[str]) -> LaunchError:
    """What the user did and what to type instead, for every override that is wrong."""
    found: list[LaunchError] = []
    problem: Exception | None = error
    while problem is not None:
        found.append(describe(problem, overrides))
        rest = [o for o in overrides if o != culprit(problem, overrides)]
        problem = failure(rest) if len(rest) < len(overrides) else None
        overrides = rest
    if len(found) == 1:
        return found[0]
    lines = [f"{len(found)} problems:", *(problem.message for problem in found)]
    return ConfigError("\n  ".join(lines))


def failure(overrides: list[str]) -> Exception | None:
    """The error that composing with these overrides raises, if any."""
    try:
        compose("launch", overrides)
    except (HydraException, OmegaConfBaseException) as error:
        return error
    return None


def culprit(error: Exception, overrides: list[str]) -> str | None:
    """The override that an error is about."""
    if isinstance(error, OverrideParseException):
        return error.override
    if isinstance(error, MissingConfigException):
        name = (error.missing_cfg_file or "").removesuffix(".yaml").replace("/", "=", 1)
        return next((o for o in overrides if o.lstrip("+") == name), None)
    key = named_key(error)
    return next((o for o in overrides if key and o.lstrip("+~").split("=")[0] == key), None)


def named_key(error: Exception) -> str:
    """The key that Hydra quotes."""
    text = f"{error}\n{error.__cause__ or ''}"
    match = re.search(r"(?:Could not (?:override|append|delete)[^']*|already at )'([^']+)'", text)
    return match.group(1).split("=")[0].split("@")[0].lstrip("+~") if match else ""


def describe(error: Exception, overrides: list[str]) -> LaunchError:
    """One error in one sentence."""
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
    """A key that does not exist, or a `+` for one that does."""
    key = named_key(error)
    if not key:
        return ConfigError(first_line(error))
    if "already at" in f"{error}{error.__cause__}":
        return ConfigError(f"{key} is there already; type {key}=VALUE without the +")
    if key in ADDED:
        return ConfigError(f"{key}: type +{key}=NAME")
    keys = known_keys(key, overrides)
    parent, _, last = key.rpartition(".")
    if parent.startswith("losses.") and last in LOSS_WEIGHT_KEYS and parent in keys:
        return ConfigError(f"{key} is not set in this experiment; add it with +{key}=VALUE")
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
    return sorted({k for k in flatten(config) if not k.startswith("demo")} | {*groups()})


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
    """Config groups that one chooses from: folders of conf/."""
    return sorted(p.name for p in CONF.iterdir() if p.is_dir() and p.name not in INTERNAL)


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
