"""From `stages:` or `stages_file=` to the losses, masks and length of a run. Torch-free.

The stages lie one behind the other on the iteration axis of the run: the weight of a term is a step
schedule over it, and a mask works within the iterations of its stage and counts from its start.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from launch.errors import ConfigError
from launch.experiments.winding.masks import TYPES
from launch.experiments.winding.stages import Stage, parse, read
from launch.experiments.winding.terms import TERMS

TARGETS = ("expand",)

Config = dict[str, Any]


def expand(config: Config, stages: Config | None, stages_file: str | None) -> Config:
    """The configuration with `losses`, `masks`, `trainer.max_iterations` and `module.stages`.

    What has no effect is a warning.

    `stages_file` is JSON of the same form as `stages` and wins over it. Settings of a term that are
    no weights (`losses.gradmag.per_sample`) and masks that last the whole run may stand beside.
    `trainer.max_iterations` may be less than the stages need, which cuts the run short.

    Raises:
        ConfigError: for stages that make no sense, or a run that would outlast them.
    """
    if not stages_file and not stages:
        raise ConfigError("a winding fit needs stages: or stages_file=PATH")
    fit = read(Path(stages_file)) if stages_file else parse(stages or {})
    for sentence in effects(fit):
        warnings.warn(sentence, stacklevel=2)
    trainer = config["trainer"]
    return config | {
        "losses": losses(fit, config.get("losses") or {}),
        "masks": [*masks(fit), *(config.get("masks") or [])],
        "trainer": trainer | {"max_iterations": length(fit, trainer.get("max_iterations"))},
        "module": (config.get("module") or {}) | {"stages": [settings(stage) for stage in fit]},
    }


def effects(stages: Sequence[Stage]) -> Iterator[str]:
    """Terms that a mask gates to no effect, a sentence for each mask."""
    for stage in stages:
        for mask in stage.masks:
            off = [term for term in mask["losses"] if term not in stage.weights]
            if off:
                place = f"mask {mask['label']!r} of stage {stage.name!r}"
                yield f"{place} also gates {', '.join(off)}, which has weight 0 there"


def losses(stages: Sequence[Stage], given: Config) -> Config:
    """An entry with a weight per stage for every term that is on in some stage."""
    names = [term for term in TERMS if any(term in stage.weights for stage in stages)]
    for name in given.keys() - set(names):
        raise ConfigError(f"losses.{name}: no stage gives {name} a weight; set stages.base.{name}")
    return {
        name: {
            "_target_": f"launch.experiments.winding.losses.{TERMS[name].loss}",
            **given.get(name, {}),
            "loss_weight": points(stages, name),
            "schedule_type": "step",
        }
        for name in names
    }


def points(stages: Sequence[Stage], term: str) -> list[list[float]]:
    """`[[iteration, weight], ...]` at the stages that change the weight of a term."""
    weights = [stage.weights.get(term, 0.0) for stage in stages]
    before = [None, *weights]
    return [
        [stage.first, weight]
        for stage, weight, old in zip(stages, weights, before, strict=False)
        if weight != old
    ]


def masks(stages: Sequence[Stage]) -> list[Config]:
    """The masks of all stages, each with the iterations it works in."""
    return [
        {**named(mask), "start": stage.first, "stop": stage.stop}
        for stage in stages
        for mask in stage.masks
    ]


def named(mask: Mapping[str, Any]) -> Config:
    """The entry with the class that a `type` of this scenario means."""
    target = TYPES.get(mask.get("type", ""))
    kept = {key: value for key, value in mask.items() if key != "type" or target is None}
    return kept | ({"_target_": target} if target else {})


def length(stages: Sequence[Stage], asked: int | None) -> int:
    """The iterations of all stages, or fewer if asked for."""
    total = stages[-1].stop
    if asked is not None and asked > total:
        raise ConfigError(
            f"trainer.max_iterations is {asked}, but the stages end after {total} iterations; "
            "give a stage more steps instead"
        )
    return asked or total


def settings(stage: Stage) -> Config:
    """What the module needs to know of a stage."""
    kept = ("name", "first", "steps", "lr", "params", "min_scaledown")
    values = {key: value for key, value in asdict(stage).items() if key in kept}
    return values | {"lr": list(stage.lr), "params": list(stage.params)}
