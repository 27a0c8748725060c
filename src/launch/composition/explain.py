"""Hydra's errors in one readable sentence with the nearest valid names. Imports no torch."""

import re
import shlex
from collections.abc import Iterator

import yaml
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from launch.composition.meant import flatten, key_meant, meant, of_scenario, option_meant
from launch.composition.recipes import groups, names
from launch.composition.typed import GROUPS, KEPT, Typed, quoted
from launch.errors import ConfigError, LaunchError, nearest
from launch.record.stopping import requests

ROOT = "launch"

NAMELESS = re.compile(r"[+~]*(@[^=]*)?(=.*)?")

COMPOSING = (HydraException, OmegaConfBaseException, ValueError, yaml.YAMLError)
"""What composing raises for what a person has typed or written."""


SEVERAL = re.compile(r"(?:Ambiguous value for argument|Sweep parameters) '([^=]+)=(.*)'")
"""What Hydra says of the values of a sweep without -m."""


def explain(error: Exception, overrides: list[str], primary: str = ROOT) -> LaunchError:
    """What the user did and what to type instead, for every override that is wrong.

    Raises:
        Stopped: if this process was asked to stop meanwhile, which Hydra may have taken for one.
    """
    requests.require_none()
    overrides = composed(overrides)
    found: list[LaunchError] = []
    problem: Exception | None = error
    while problem is not None:
        found.append(describe(problem, overrides, primary))
        rest = [o for o in overrides if o != culprit(problem, overrides)]
        problem = failure(rest, primary) if len(rest) < len(overrides) else None
        if problem and SEVERAL.search(str(problem)):  # of a sweep, or it would have come first
            problem = None
        overrides = rest
    if len(found) == 1:
        return found[0]
    lines = [f"{len(found)} problems:", *(problem.message for problem in found)]
    return ConfigError("\n  ".join(lines))


def composed(overrides: list[str]) -> list[str]:
    """Those of the overrides that are composed themselves; all where one cannot be read."""
    try:
        return Typed.read(overrides).of_the_whole
    except COMPOSING:
        return overrides


def failure(overrides: list[str], primary: str) -> Exception | None:
    """The error that composing with these overrides raises, if any."""
    try:
        compose(primary, overrides)
    except COMPOSING as error:
        return error
    return None


def culprit(error: Exception, overrides: list[str]) -> str | None:
    """The override that an error is about."""
    nameless = next(filter(NAMELESS.fullmatch, overrides), None)
    if nameless is not None:
        return nameless
    if isinstance(error, OverrideParseException):
        return error.override
    ambiguous = re.search(r"for argument '([^']+)'", str(error))
    if ambiguous:
        return ambiguous[1]
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


def describe(error: Exception, overrides: list[str], primary: str) -> LaunchError:
    """One error in one sentence."""
    nameless = next(filter(NAMELESS.fullmatch, overrides), None)
    if nameless is not None:
        return ConfigError(f"{nameless!r} names no key. Overrides are KEY=VALUE")
    unnamed = " ".join(unnamed_options(error, overrides))
    if unnamed:
        return ConfigError(unnamed)
    return by_kind(error, overrides, primary)


def by_kind(error: Exception, overrides: list[str], primary: str) -> LaunchError:
    """One error of Hydra's, OmegaConf's or YAML's."""
    if isinstance(error, MissingConfigException):
        return missing_option(error, overrides)
    if isinstance(error, OverrideParseException):
        return unreadable(error)
    if isinstance(error, ConfigCompositionException | HydraException):
        return impossible_override(error, overrides, primary)
    if isinstance(error, OmegaConfBaseException):
        return unresolved(error, overrides)
    return unusual(error, overrides)


def unusual(error: Exception, overrides: list[str]) -> ConfigError:
    """Errors that are not Hydra's own."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return ConfigError(f"{error.problem_mark}".strip() + f": this is not YAML: {error.problem}")
    return ConfigError(f"{type(error).__name__}: {first_line(error)}")


def unresolved(error: OmegaConfBaseException, overrides: list[str]) -> ConfigError:
    """An interpolation that leads nowhere, as a data set of another scenario leaves behind."""
    text = f"{error.full_key or 'configuration'}: {first_line(error)}"
    wanted = re.search(r"Interpolation key '((\w+)[^']*)' not found", text)
    chosen = [o for o in overrides if wanted and o.split("=")[0].lstrip("+") == wanted[2]]
    if not wanted or not chosen:
        return ConfigError(text)
    fitting = ", ".join(of_scenario(names(wanted[2]), experiment_of(overrides)))
    return ConfigError(
        f"{chosen[-1]} does not fit {experiment_of(overrides)}: it has no {wanted[1]}, which "
        f"{error.full_key} needs. Those of this scenario are {fitting}"
    )


def experiment_of(overrides: list[str]) -> str:
    """The experiment that is typed, "" without."""
    typed = [o.partition("=")[2] for o in overrides if o.lstrip("+").startswith("experiment=")]
    return typed[-1] if typed else ""


def unnamed_options(error: Exception, overrides: list[str]) -> Iterator[str]:
    """A sentence for each group whose value is no name, if an error is about such."""
    about = any(text in str(error) for text in ("Config group override must be", "'${scale}/"))
    if not about and named_key(error) not in groups():
        return
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        named = override.is_sweep_override() or isinstance(override.value(), str)
        if key in (*groups(), "hydra") and not named:
            without = "" if key in (*KEPT, "hydra") else f"; to go without, type ~{key}"
            yield f"{override.input_line}: a group takes the name of one of its options{without}"


def unreadable(error: OverrideParseException) -> ConfigError:
    """What is no override; a value with odd characters is shown as it has to be quoted."""
    key, equals, value = error.override.partition("=")
    if value.rstrip().endswith(","):
        shorter = f"{key}={value.rstrip(', ')}"
        return ConfigError(f"{error.override!r} ends with a comma; type {in_a_shell(shorter)}")
    text = f"{error.override!r} is not an override: {first_line(error)}"
    called, bracket, _ = value.partition("(")
    known = create_functions().functions
    if bracket and called.isidentifier() and called not in known and nearest(called, known):
        return ConfigError(f"{text}.{nearest(called, known)}")
    typed = f"{key}={quoted(value)}"
    try:
        OverridesParser.create().parse_override(typed)
    except HydraException:
        typed = ""
    if not equals or not typed:
        return ConfigError(f"{text}. Overrides are KEY=VALUE")
    return ConfigError(f"{text}. Quote it: {in_a_shell(typed)}")


def in_a_shell(text: str) -> str:
    """Quoted for a shell, between double quotes where nothing in them has a meaning."""
    return shlex.quote(text) if re.search(r'["$`!\\]', text) else f'"{text}"'


def missing_option(error: MissingConfigException, overrides: list[str]) -> ConfigError:
    """An experiment, data set, trainer, ... that no file under conf/ has."""
    wanted = (error.missing_cfg_file or "").removesuffix(".yaml")
    group, _, option = wanted.rpartition("/") if wanted[:6] == "hydra/" else wanted.partition("/")
    if not names(group):
        return ConfigError(f"there is no {wanted!r}.{nearest(group, groups())}")
    guess = option_meant(group, option, experiment_of(overrides))
    return ConfigError(f"{group}={option}: there is no such {group}.{guess}")


def impossible_override(error: Exception, overrides: list[str], primary: str) -> ConfigError:
    """A key that does not exist, or a `+` for one that does."""
    key = named_key(error)
    if not key:
        return unmergeable(error)
    if "already at" in f"{error}{error.__cause__}":
        return ConfigError(f"{key} is there already; type {key}=VALUE without the +")
    misplaced = re.search(r"Could not \w+ '([^']*@[^']*)'", str(error))
    if misplaced:
        return ConfigError(
            f"{misplaced[1]}: nothing is chosen there yet; type +{misplaced[1]}=NAME to add it, or "
            f"{misplaced[1].partition('@')[0]}=NAME for the one that there is"
        )
    config = without(key, overrides, primary)
    keys = sorted({*flatten(config), *groups()})
    if key in keys and "Could not delete" in f"{error}{error.__cause__}":
        return ConfigError(f"~{key}: it is null already; ~ takes away what has a value")
    if isinstance(OmegaConf.select(config, key), DictConfig):
        return ConfigError(
            f"{key} has other keys than the value typed for it, and Hydra merges the two; type "
            f"~{key} +{key}=VALUE to put it in its place, or +{key}=VALUE to add to it"
        )
    experiment = experiment_of(overrides)
    found = in_rungs(key, config, experiment, primary) or key_meant(key, config, experiment)
    guess = found or siblings(key, keys)
    return ConfigError(f"there is no key {key!r}.{guess}")


def unmergeable(error: Exception) -> ConfigError:
    """An error about a value; Hydra's own remedies are kept."""
    several = SEVERAL.search(str(error))
    if several:
        key, values = several[1], several[2]
        listed = f" As a list it is {key}=[{values}]." if "(" not in values else ""
        return ConfigError(f"{key}={values} is a sweep: add -m.{listed}")
    if "override losses=[" in str(error):
        return ConfigError(
            f"{first_line(error)}: losses have names here; type losses.NAME.KEY=VALUE, "
            "+losses.NAME='{type: l1}' for another one, ~losses.NAME to go without"
        )
    return ConfigError(first_line(error))


def in_rungs(key: str, config: DictConfig, experiment: str, primary: str) -> str:
    """The same key, or one that may be added, of each training that an experiment consists of."""
    node = key.rpartition(".")[0]
    looked_for = [key] if "." not in node or OmegaConf.select(config, node) else [key, node]
    have = []
    for rung in config.get("rungs") or ():
        part = compose(primary, [f"experiment={experiment}/{rung}"])
        if any(OmegaConf.select(part, name) is not None for name in looked_for):
            have.append(f"rungs.{rung}.{key}")
    return meant(have)


def siblings(key: str, keys: list[str]) -> str:
    """The keys that stand beside a mistyped one."""
    parent, dot, _ = key.rpartition(".")
    beside = sorted(
        {k[len(parent) + len(dot) :].split(".")[0] for k in keys if k.startswith(parent + dot)}
    )
    where = f" in {parent}" if parent else ""
    return f" Keys{where}: {', '.join(beside)}." if beside else ""


def without(key: str, overrides: list[str], primary: str) -> DictConfig:
    """The configuration without the override that failed, and without what is swept over."""
    parsed = zip(overrides, OverridesParser.create().parse_overrides(overrides), strict=True)
    rest = [text for text, o in parsed if o.key_or_group != key and not o.is_sweep_override()]
    try:
        return compose(primary, rest, return_hydra_config=key.startswith("hydra."))
    except COMPOSING:
        groups_alone = tuple(f"{group}=" for group in (*GROUPS, "data"))
        return compose(primary, [o for o in rest if o.startswith(groups_alone)])


def first_line(error: Exception) -> str:
    """The first line of a message, and the next where that only announces it."""
    first, *rest = str(error).strip().split("\n")
    return f"{first} {rest[0].strip()}" if first.endswith(":") and rest else first
