"""The stages of a fit: how long, what is trained how fast, which terms count, which masks gate.

Torch-free. Stages follow one another on one iteration axis; for what becomes of them see
`launch.experiments.winding.expansion`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launch.errors import ConfigError, MissingError, nearest
from launch.experiments.winding.terms import TERMS

PARAMS = ("theta", "winding_scale", "mesh_ms", "conn_offset_ms", "amp", "bias")
ALIASES = {"amp_ms": "amp", "bias_ms": "bias"}
LEVELS = 5
LR = (0.1, 0.03, 0.01)  # coarse levels first; measured on damaged spirals, see the README

STAGE_KEYS = ("name", "masks", "global_opt", "weights")
OPT_KEYS = ("steps", "lr", "params", "min_scaledown", "w_fac", "default_mul", "termination")
GROWTH_KEYS = ("grow", "local_opt", "opt_window")


@dataclass(frozen=True)
class Stage:
    """One stage, with everything resolved.

    Attributes:
        first: iteration of the run at which it begins.
        steps: iterations it lasts.
        lr: Adam's learning rates from coarse levels to the finest, see `rate`.
        params: names of what it trains, out of `PARAMS`.
        min_scaledown: pyramid levels finer than this are not trained.
        weights: weight of every term that is on.
        masks: entries of its scheduled masks.
    """

    name: str
    first: int
    steps: int
    lr: tuple[float, ...]
    params: tuple[str, ...]
    min_scaledown: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)
    masks: tuple[Mapping[str, Any], ...] = ()

    @property
    def stop(self) -> int:
        """The iteration after its last one."""
        return self.first + self.steps

    def rate(self, level: int) -> float:
        """Learning rate of a pyramid level: the last entry is level 0, the first all the coarse."""
        return self.lr[max(0, len(self.lr) - 1 - level)]


def read(path: Path) -> tuple[Stage, ...]:
    """Stages of a JSON file.

    Raises:
        MissingError: when there is no such file.
        ConfigError: when it is not JSON, or `parse` finds a mistake.
    """
    if not path.is_file():
        raise MissingError(f"stages file {path} does not exist")
    try:
        document = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ConfigError(f"stages file {path} is not JSON: {error}") from error
    try:
        return parse(document)
    except ConfigError as error:
        raise ConfigError(f"stages file {path}: {error.message}") from error


def parse(document: Mapping[str, Any]) -> tuple[Stage, ...]:
    """Stages of `{base: {term: weight}, stages: [{name, steps, lr, params, w_fac, masks}, ...]}`.

    The stages may also be given by name, `{geometry: {steps: ...}, snap: {...}}`, in their order;
    one that is null is left out. Every stage starts from the base weights: `default_mul` scales
    all terms that `w_fac` does not name, and `w_fac` those that it names.

    Raises:
        ConfigError: for anything unknown, and for a stage that would train nothing.
    """
    known(mapping(document, "the stages document"), ("base", "stages"), "the stages document")
    entries = listed(document.get("stages"))
    base = base_weights(mapping(document.get("base") or {}, "base"))
    stages: list[Stage] = []
    for number, entry in enumerate(entries):
        first = stages[-1].stop if stages else 0
        stages.append(parse_stage(entry, base, f"stage{number}", first))
    return tuple(stages)


def listed(stages: Any) -> list[Mapping[str, Any]]:
    """Stages by name as a list, without those that are null."""
    if isinstance(stages, Mapping):
        named = stages.items()
        stages = [stage and {"name": name, **stage} for name, stage in named if stage is not None]
    if not isinstance(stages, Sequence) or isinstance(stages, str) or not stages:
        raise ConfigError("stages must hold at least one stage")
    for stage in stages:
        if not isinstance(stage, Mapping):
            raise ConfigError(f"a stage is a mapping with name, steps, lr, ..., got {stage!r}")
    return list(stages)


def base_weights(given: Mapping[str, Any]) -> dict[str, float]:
    """Weight of every term before a stage changes it."""
    weights = {name: term.weight for name, term in TERMS.items()}
    for name, value in given.items():
        known_term(name, "base")
        weights[name] = number(value, f"base.{name}", low=0)
    return weights


def parse_stage(
    entry: Mapping[str, Any], base: Mapping[str, float], name: str, first: int
) -> Stage:
    """One stage; its keys may stand in `global_opt` or beside it."""
    name = str(entry.get("name", name))
    flat = {key: value for key, value in entry.items() if key != "global_opt"}
    flat |= mapping(entry.get("global_opt") or {}, f"stage {name!r}: global_opt")
    for key in GROWTH_KEYS:
        if flat.get(key):
            raise ConfigError(f"stage {name!r}: {key} is not supported; this fit does not grow")
    known(flat, (*STAGE_KEYS, *OPT_KEYS, *GROWTH_KEYS), f"stage {name!r}")
    if flat.get("termination", "steps") != "steps":
        raise ConfigError(
            f"stage {name!r}: termination must be 'steps', got {flat['termination']!r}"
        )
    steps = whole(flat.get("steps"), f"stage {name!r}: steps", low=1)
    weights = stage_weights(base, flat, name)
    return Stage(
        name=name,
        first=first,
        steps=steps,
        lr=rates(flat.get("lr", LR), name),
        params=params(flat, name),
        min_scaledown=levels(flat, name),
        weights=weights,
        masks=masks(flat.get("masks") or (), weights, name),
    )


def stage_weights(
    base: Mapping[str, float], flat: Mapping[str, Any], name: str
) -> dict[str, float]:
    """Base weights times the factors of the stage; terms at 0 are left out."""
    factors = mapping(flat.get("w_fac") or {}, f"stage {name!r}: w_fac")
    rest = flat.get("default_mul")
    rest = 1.0 if rest is None else number(rest, f"stage {name!r}: default_mul", low=0)
    result = {term: weight * rest for term, weight in base.items() if term not in factors}
    for term, given in factors.items():
        known_term(term, f"stage {name!r}: w_fac")
        factor = number(given, f"stage {name!r}: w_fac.{term}", low=0)
        if factor and not base[term]:
            raise ConfigError(
                f"stage {name!r}: w_fac.{term} = {factor:g} has no effect, because the base weight "
                f"of {term} is 0; set base.{term}"
            )
        result[term] = base[term] * factor
    active = {term: result[term] for term in TERMS if result[term]}
    if not active:
        raise ConfigError(f"stage {name!r}: every loss weight is 0, so nothing would be trained")
    return active


def params(flat: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Names of the trained parameters, each once."""
    given = flat.get("params", ("mesh_ms", "conn_offset_ms"))
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise ConfigError(
            f"stage {name!r}: params must list at least one of {', '.join(PARAMS)}, got {given!r}; "
            "a stage that trains nothing is a mistake"
        )
    names = tuple(dict.fromkeys(ALIASES.get(str(param), str(param)) for param in given))
    for param in names:
        if param not in PARAMS:
            raise ConfigError(
                f"stage {name!r}: there is no parameter {param!r} to train; there are "
                f"{', '.join(PARAMS)}.{nearest(str(param), PARAMS)}"
            )
    return names


def levels(flat: Mapping[str, Any], name: str) -> int:
    """The finest trained pyramid level."""
    finest = whole(flat.get("min_scaledown", 0), f"stage {name!r}: min_scaledown", low=0)
    if finest >= LEVELS:
        raise ConfigError(
            f"stage {name!r}: min_scaledown {finest} leaves no level to train; levels are 0 to "
            f"{LEVELS - 1}"
        )
    return finest


def rates(given: Any, name: str) -> tuple[float, ...]:
    """One learning rate, or one per level from coarse to fine."""
    entries = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not 1 <= len(entries) <= LEVELS:
        raise ConfigError(f"stage {name!r}: lr needs 1 to {LEVELS} entries, got {given!r}")
    found = tuple(number(rate, f"stage {name!r}: lr", low=0) for rate in entries)
    if not any(found):
        raise ConfigError(f"stage {name!r}: lr is 0, so nothing would be trained")
    return found


def masks(entries: Any, weights: Mapping[str, float], name: str) -> tuple[Mapping[str, Any], ...]:
    """Mask entries whose labels differ and whose losses exist, honour masks and are on.

    Raises:
        ConfigError: also for `start` and `stop`, which are those of the stage, and for numbers
            that are given as text.
    """
    if isinstance(entries, str | Mapping) or not isinstance(entries, Sequence):
        raise ConfigError(f"stage {name!r}: masks must be a list of masks, got {entries!r}")
    labels: set[str] = set()
    for entry in entries:
        is_named = isinstance(entry, Mapping) and (entry.get("type") or entry.get("_target_"))
        if not is_named or not entry.get("label"):
            raise ConfigError(f"stage {name!r}: a mask needs label, type and losses, got {entry!r}")
        label = entry["label"]
        if label in labels:
            raise ConfigError(f"stage {name!r}: two masks have the label {label!r}")
        labels.add(label)
        check_values(entry, f"stage {name!r}: mask {label!r}")
        check_gated(entry.get("losses"), weights, f"stage {name!r}: mask {label!r}")
    return tuple(dict(entry) for entry in entries)


def check_values(entry: Mapping[str, Any], place: str) -> None:
    """Raises ConfigError for what a mask of a stage may not say of itself."""
    for key in ("start", "stop"):
        if key in entry:
            raise ConfigError(
                f"{place}: {key} is that of the stage; when it grows is said by ramp_start_it and "
                "ramp_stop_it, counted from the start of the stage"
            )
    for key, value in entry.items():
        if isinstance(value, str) and is_number(value) and key not in ("label", "path"):
            raise ConfigError(f"{place}: {key} must be a number, got the text {value!r}")


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_gated(losses: Any, weights: Mapping[str, float], place: str) -> None:
    """Raises ConfigError unless every gated loss exists, honours masks, and one of them is on."""
    able = [term for term, info in TERMS.items() if info.honours_masks]
    if isinstance(losses, str) or not isinstance(losses, Sequence) or not losses:
        raise ConfigError(f"{place}: losses must list terms, got {losses!r}; {', '.join(able)}")
    for term in losses:
        known_term(term, f"{place}: losses")
        if term not in able:
            raise ConfigError(
                f"{place}: {term} ignores masks; terms that honour them: {', '.join(able)}"
            )
    if not any(term in weights for term in losses):
        raise ConfigError(f"{place} gates {', '.join(losses)}, all of which have weight 0 here")


def mapping(given: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{place} must be a mapping of names to values, got {given!r}")
    return given


def known(given: Mapping[str, Any], names: Sequence[str], place: str) -> None:
    for key in given:
        if key not in names:
            raise ConfigError(
                f"{place} has no key {key!r}; it has {', '.join(names)}.{nearest(str(key), names)}"
            )


def known_term(term: str, place: str) -> None:
    if term not in TERMS:
        raise ConfigError(
            f"{place}: there is no loss term {term!r}; there are {', '.join(TERMS)}."
            f"{nearest(str(term), TERMS)}"
        )


def number(value: Any, place: str, low: float) -> float:
    valid = isinstance(value, int | float) and not isinstance(value, bool)
    if not valid or not low <= value < float("inf"):
        raise ConfigError(f"{place} must be a number of at least {low:g}, got {value!r}")
    return float(value)


def whole(value: Any, place: str, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigError(f"{place} must be a whole number of at least {low}, got {value!r}")
    return value
