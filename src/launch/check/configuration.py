"""The whole configuration: its sections, what they ask of each other, and how it is reported."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from launch.check import settings, terms
from launch.check.nodes import unset, walk
from launch.check.problem import UNSET, Problem
from launch.check.sources import COMMAND_LINE, Sources
from launch.composition.compose import Composition
from launch.composition.recipes import groups, names
from launch.composition.typed import Typed, section
from launch.errors import ConfigError, MissingError, nearest
from launch.record.inside import children, everything

Config = dict[str, Any]

SECRET_NAME = re.compile(r"(?i)(^|_)(token|password|passwd|secret|api_?key|credentials?)s?$")
SECRET_ADDRESS = re.compile(r"\w://[^/\s:@]+:[^/\s@]+@")

NEEDED = {
    "train": ("module", "data", "losses"),
    "plan": ("module", "data", "losses"),
    "calibrate": ("module", "data", "losses"),
    "validate": ("module", "data"),
    "predict": ("module",),
    "export": ("module",),
    "inspect": ("data",),
}


def require(config: Config, composition: Composition | None = None) -> None:
    """
    Raises:
        MissingError: if nothing is wrong except that files, folders or packages are missing.
        ConfigError: if anything else is wrong. Both list every problem.
    """
    tell(problems(config, referred(composition.config) if composition else ()), composition)


def tell(found: list[Problem], composition: Composition | None) -> None:
    """Raise all problems as one error, if there are any."""
    if not found:
        return
    if composition:
        sources, written = Sources.read(composition), composition.config
        found = [_sourced(problem, sources, written) for problem in found]
    lines = [str(problem) for problem in found]
    head = [] if len(lines) == 1 else [f"{len(lines)} problems:"]
    advice = dict.fromkeys(line for problem in found for line in problem.advice)
    message = "\n  ".join([*head, *lines, *advice])
    raise (MissingError if all(p.exit_code == 3 for p in found) else ConfigError)(message)


def _sourced(problem: Problem, sources: Sources, written: DictConfig) -> Problem:
    """With where it was written, and how to take away what a typed class has no use for.

    A value that is only read from another key is a problem of that key.
    """
    origin = _origin(problem.key, OmegaConf.to_container(written, resolve=False))
    if origin != problem.key:
        place = f"{sources.of(origin)}, read by {problem.key}"
        return replace(problem, key=origin, source=place)
    place, node = sources.of(problem.key), problem.key.rpartition(".")[0]
    typed = COMMAND_LINE in (sources.places.get(f"{node}.{k}") for k in ("type", "_target_"))
    stale = typed and place != COMMAND_LINE and "has no argument" in problem.message
    advice = f" Type ~{problem.key} as well to take it away." if stale else ""
    return replace(problem, source=place, message=problem.message + advice)


def _origin(key: str, config: Any) -> str:
    """The key whose value this one has by interpolation alone, or the key itself."""
    value = config
    for part in key.split("."):
        value = children(value).get(part)
    reference = re.fullmatch(r"\$\{([\w.]+)\}", value) if isinstance(value, str) else None
    return _origin(reference[1], config) if reference else key


def referred(config: DictConfig) -> set[str]:
    """Root sections whose values other sections refer to by interpolation."""
    return set(re.findall(r"\$\{(\w+)", OmegaConf.to_yaml(config, resolve=False)))


def require_read(compositions: Iterable[Composition], typed: Typed) -> None:
    """
    Raises:
        ConfigError: for values of a recipe's own sections that were typed and that no training
            reads, such as epochs at a scale that counts iterations.
    """
    configs = [composition.config for composition in compositions]
    read, shared = {name for config in configs for name in _references(config)}, settings.keys()
    for override in typed.parsed:
        key, own = override.key_or_group, section(override)
        known = sorted(name for name in read if name.startswith(f"{own}."))
        inside = any(name == key or name.startswith(f"{key}.") for name in read)
        above = any(key.startswith(f"{name}.") for name in read)
        if own not in shared and any(own in config for config in configs) and not (inside or above):
            scale = configs[0].get("scale")
            message = f"{key}: nothing reads it at scale={scale}, so it would change nothing."
            raise ConfigError(message + (nearest(key, known) or f" Read: {', '.join(known)}."))


def _references(config: DictConfig) -> Iterator[str]:
    """Keys that some value takes by interpolation."""
    for inside in re.findall(r"\$\{([^}]*)\}", OmegaConf.to_yaml(config, resolve=False)):
        yield from re.findall(r"[\w.]+", inside)


def problems(config: Config, sections: Collection[str] = ()) -> list[Problem]:
    """Every problem of a composed configuration, in the order of its sections.

    Args:
        sections: root sections of the recipe's own, whose values others refer to.
    """
    known = settings.keys()
    config = {key: value for key, value in config.items() if key in known or key not in sections}
    open_values = list(unset(config))
    # Sections of nodes; predict reads what it is given and never the data of the training.
    applied = config.get("task") in ("predict", "export")
    sections = ("module", "logger", "callbacks", "expand", *(() if applied else ("data",)))
    found = [
        *open_values,
        *settings.problems(config),
        *_needed(config),
        *_endless(config),
        *secrets(config),
        *(p for part in sections for p in walk(part, config.get(part))),
        *terms.losses(config),
        *terms.masks(config),
        *(() if config.get("task") == "plan" else terms.silence(config)),  # the plan draws it
    ]
    told = {problem.key for problem in open_values}
    kept = [p for p in found if p in open_values or p.key not in told]
    return [_advised(p, config) for p in kept]


def _needed(config: Config) -> Iterator[Problem]:
    """What the task cannot do without."""
    task = str(config.get("task", "train"))
    advice = {
        "module": "no experiment is chosen; type +experiment=NAME",
        "data": "no data is chosen; type data=NAME",
        "losses": "there is no loss; an objective needs at least one",
    }
    for key in NEEDED.get(task, ()):
        if not config.get(key):
            yield Problem(key, advice[key])
    trainer = children(config.get("trainer"))
    maxima = [trainer.get(f"max_{unit}") for unit in ("iterations", "epochs")]
    if task in ("train", "plan") and trainer and (None in maxima) == (maxima == [None, None]):
        got = "neither" if maxima == [None, None] else f"{maxima[0]} and {maxima[1]}"
        message = f"give one of max_iterations and max_epochs and leave the other null; got {got}"
        if None not in maxima:
            message += ". Type trainer.max_epochs=null to count iterations, "
            message += "trainer.max_iterations=null to count epochs"
        yield Problem("trainer.max_iterations", message)


def _endless(config: Config) -> Iterator[Problem]:
    """Schedules of the learning rate that count epochs where the run counts iterations, or back."""
    for name, node in children(config.get("module")).items():
        if name.endswith("lr_scheduler") and isinstance(node, Mapping):
            for key in ("total_steps", "epochs", "T_max"):
                if key in node and node[key] is None and not node.get("total_steps"):
                    message = f"is null, but gives module.{name} its length. "
                    message += f"Give it, or type module.{name}=null for a constant rate"
                    yield Problem(f"module.{name}.{key}", message)


def secrets(config: Config) -> Iterator[Problem]:
    """Tokens and passwords, which records and trackers would keep for everyone to read."""
    what = "run.json, config.yaml and trackers would keep it for everyone to read; "
    for key, value in everything(config):
        named = SECRET_NAME.search(key.rpartition(".")[2])
        if isinstance(value, str) and value and (named or SECRET_ADDRESS.search(value)):
            yield Problem(key, f"{what}give it as an environment variable of the program it is for")


# The rest


def _advised(problem: Problem, config: Config) -> Problem:
    """A path that is missing or was never given, with what to do about it."""
    is_missing_path = problem.exit_code == 3 and not problem.key.endswith(("._target_", ".type"))
    group, named = problem.key.rpartition(".")[2], str(problem.value)
    if "must be a node" in problem.message and group in groups() and named in names(group):
        return replace(problem, message=f"{problem.message}; {group}={named} chooses its file")
    advice = f"; put it there or give {problem.key}=PATH" if is_missing_path else ""
    scenario = str(children(config.get("module")).get("_target_")).split(".")[2:3]
    if problem.key.startswith("data.") and scenario and (advice or problem.value == UNSET):
        advice += f", or use data={scenario[0]}/synthetic to try without data"
    return replace(problem, message=problem.message + advice)
