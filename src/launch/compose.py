"""From a Hydra configuration to the plain one that a worker reads. Imports no torch."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from launch.errors import ConfigError
from launch.record.run import CONF

Config = dict[str, Any]
REFERRED = ("recipe", "training")
"""Root sections whose values other sections refer to by interpolation, and nothing else reads."""


def finalise(config: DictConfig, overrides: Iterable[str]) -> Config:
    """The configuration that runs: scale applied, losses named, everything resolved.

    At `scale=demo` the `demo:` block of the experiment is merged over the settings of the
    requirement documents; what was typed on the command line wins over both. Each of the `rungs:`
    becomes a whole configuration of its own, the root's keys below it.

    Raises:
        ConfigError: from the function that `expand:` names, if there is one.
        omegaconf.errors.OmegaConfBaseException: for an interpolation that leads nowhere.
    """
    typed = list(overrides)
    reject_additions(typed)
    config = config.copy()
    OmegaConf.set_struct(config, False)
    demo = config.pop("demo", None)
    for block in (config, *(config.get("rungs") or {}).values()):
        if "losses" in block:
            losses = block.losses
            block.losses = named(OmegaConf.to_container(losses)) if losses is not None else {}
    if config.get("scale") == "demo" and demo:
        config = merge(config, demo)
        reapply(config, typed)
    rungs = DictConfig(config.pop("rungs", None) or {})
    if rungs:
        return plain(config) | {"rungs": whole(config, rungs, typed)}
    return expanded(plain(config))


def whole(config: DictConfig, rungs: DictConfig, typed: list[str]) -> dict[str, Config]:
    """Every rung over the root; a value typed for the root holds for each of them."""
    result = {}
    for name in rungs:
        merged = merge(config, rungs[name])
        reapply(merged, [o for o in typed if not o.lstrip("+").startswith("rungs.")])
        for override in OverridesParser.create().parse_overrides(typed):
            _, _, key = override.key_or_group.partition(f"rungs.{name}.")
            if key:
                OmegaConf.update(merged, key, override.value(), merge=False)
        result[str(name)] = expanded(plain(merged))
    return result


def expanded(config: Config) -> Config:
    """A configuration with what follows from its other keys filled in.

    `expand: package.module.function` names a function of the configuration that returns a whole
    one; it runs in the front end, so its module must not import torch.
    """
    target = config.get("expand")
    if not target:
        return config
    module, _, name = str(target).rpartition(".")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"expand: there is no function {target}: {error}") from error
    return function(config) | {"expand": None}


def plain(config: DictConfig) -> Config:
    """Resolved, and without the sections that only interpolations refer to."""
    resolved: Config = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return {key: value for key, value in resolved.items() if key not in REFERRED}


def reject_additions(overrides: list[str]) -> None:
    """
    Raises:
        ConfigError: for `+recipe.x=1`, which nothing could refer to.
    """
    for override in OverridesParser.create().parse_overrides(overrides):
        section, _, key = override.key_or_group.partition(".")
        if key and section in REFERRED and (override.is_add() or override.is_force_add()):
            raise ConfigError(f"there is no key {override.key_or_group!r}; type it without the +")


def merge(config: DictConfig, block: DictConfig) -> DictConfig:
    """`block` over `config`; a node with another `_target_` replaces the one that was there."""
    config = config.copy()
    clear_replaced(config, block)
    return DictConfig(OmegaConf.merge(config, block))


def clear_replaced(config: DictConfig, block: DictConfig) -> None:
    """Empty the nodes that a block gives another `_target_`: their arguments are not its own."""
    for key in block:
        if OmegaConf.is_missing(config, key) or key not in config:
            continue
        ours, theirs = config._get_node(key), block._get_node(key)
        if not (isinstance(ours, DictConfig) and isinstance(theirs, DictConfig)):
            continue
        if "_target_" in ours and theirs.get("_target_", ours["_target_"]) != ours["_target_"]:
            config[key] = {}
        else:
            clear_replaced(ours, theirs)


def reapply(config: DictConfig, overrides: Iterable[str]) -> None:
    """Let typed values win again; choices of group options are in the composition already."""
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if is_value(override):
            with open_dict(config):
                OmegaConf.update(config, override.key_or_group, override.value(), merge=False)


def is_value(override: Override) -> bool:
    """Whether an override sets a value; `data=sr/folder` chooses an option instead."""
    if override.key_or_group.startswith("hydra"):
        return False
    if override.is_delete() or override.package is not None or override.is_sweep_override():
        return False
    return not (CONF / override.key_or_group).is_dir() or isinstance(override.value(), dict)


def named(losses: Any) -> Any:
    """Losses by name: a list of `- type: ...` entries gets names from their types.

    `ganloss` is called `gan`; a second loss of one type is called `gan_2`; an entry may give its
    own `name`.

    >>> list(named([{"type": "l1loss"}, {"type": "ganloss"}, {"type": "l1loss"}]))
    ['l1', 'gan', 'l1_2']
    """
    if not isinstance(losses, list):
        return losses
    result: dict[str, Any] = {}
    for listed in losses:
        entry = dict(listed)
        stem = str(entry.pop("name", "") or entry.get("type", "loss")).removesuffix("loss")
        stem = stem.rstrip("_") or "loss"
        taken = sum(name == stem or name.startswith(f"{stem}_") for name in result)
        result[f"{stem}_{taken + 1}" if taken else stem] = entry
    return result
