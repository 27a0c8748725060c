"""The objective: losses, the schedules of their weights, and the masks that gate them."""

from collections.abc import Iterator
from typing import Any

from launch.check.definitions import TargetError
from launch.check.nodes import HYDRA_KEYS, Problem, children, node, walk
from launch.check.signatures import class_constant
from launch.errors import ConfigError, nearest
from launch.losses import LOSSES
from launch.masks import MASKS
from launch.schedules import LOSS_WEIGHT_KEYS, LossWeight, Schedule, silent_intervals, weight

Config = dict[str, Any]

MASK = "launch.masks.scheduled.ScheduledMask"
MASK_KEYS = ("label", "losses", "start", "stop")


def entries(config: Config, section: str) -> list[tuple[str, Config]]:
    """Names, or places, and the mappings of `losses` or `masks`."""
    return [(k, entry) for k, entry in children(config.get(section)) if isinstance(entry, dict)]


# Losses


def losses(config: Config) -> Iterator[Problem]:
    """Problems of every loss by itself."""
    for name, entry in entries(config, "losses"):
        key = f"losses.{name}"
        yield from _schedule(key, entry)
        target = loss_target(entry)
        if target is None:
            yield _unknown_type(key, entry, LOSSES, "loss")
            continue
        apart = {*LOSS_WEIGHT_KEYS, *HYDRA_KEYS, "type"}
        given = {k: value for k, value in entry.items() if k not in apart}
        chosen = "_target_" if "_target_" in entry else "type"
        yield from node(key, target, given, others=sorted(LOSS_WEIGHT_KEYS), target_key=chosen)
        for k, value in given.items():
            yield from walk(f"{key}.{k}", value)


def loss_target(entry: Config) -> str | None:
    """The class of a loss, given by `type` or by `_target_`."""
    return entry.get("_target_") or LOSSES.get(str(entry.get("type")))


def _unknown_type(key: str, entry: Config, table: dict[str, str], what: str) -> Problem:
    names = {target: name for name, target in reversed(table.items())}.values()
    listed = f"Types: {', '.join(sorted(names))}."
    if "type" not in entry:
        return Problem(key, f"a {what} needs a type. {listed}")
    guess = nearest(str(entry["type"]), table) or f" {listed}"
    return Problem(f"{key}.type", f"no {what} has this type.{guess}", entry["type"])


def _schedule(key: str, entry: Config) -> Iterator[Problem]:
    """A weight that makes no sense; the message starts with the key it is about."""
    try:
        _weight(entry)
    except ConfigError as error:
        first = error.message.split()[0]
        about = first if first in entry else "loss_weight"
        yield Problem(f"{key}.{about}", error.message, entry.get(about))
    except TypeError:
        message = "loss_weight is a number or [[iteration, number], ...], schedule_type a word"
        yield Problem(f"{key}.loss_weight", message, entry.get("loss_weight"))


def _weight(entry: Config) -> Schedule:
    return weight({key: entry[key] for key in LOSS_WEIGHT_KEYS & entry.keys()})


def weights(config: Config) -> dict[str, Schedule]:
    """The weight of every loss whose schedule makes sense."""
    named = entries(config, "losses")
    return {name: _weight(entry) for name, entry in named if not any(_schedule(name, entry))}


def silence(config: Config) -> Iterator[Problem]:
    """Iterations in which the objective is empty; of a run counted in epochs, only the first."""
    schedules = weights(config)
    if not schedules or len(schedules) < len(entries(config, "losses")):
        return
    for start, stop in silent_intervals(schedules, _end(config) or 1):
        where = f"iteration {start}" if stop == start + 1 else f"iterations {start} to {stop - 1}"
        yield Problem("losses", f"no loss is active in {where}; a run needs one at all times")


def _end(config: Config) -> int | None:
    """The number of iterations, if the run is counted in them."""
    trainer = config.get("trainer")
    end = trainer.get("max_iterations") if isinstance(trainer, dict) else None
    return end if isinstance(end, int) and end > 0 else None


def unusual(config: Config) -> Iterator[str]:
    """Weights that are legal but seldom meant."""
    for name, schedule in weights(config).items():
        said = schedule.warnings() if isinstance(schedule, LossWeight) else []
        for text in [*said, *_beyond(schedule, _end(config))]:
            yield f"losses.{name}: {text}"


def _beyond(schedule: Schedule, end: int | None) -> Iterator[str]:
    for key in ("start_iter", "disable_after") if end else ():
        iteration = getattr(schedule, key, None)
        if iteration and iteration >= end:
            outcome = "the loss is never active" if key == "start_iter" else "it has no effect"
            yield f"{key} {iteration} is not reached in {end} iterations, so {outcome}"


# Masks


def masks(config: Config) -> Iterator[Problem]:
    """Problems of every mask, and of labels that two of them share."""
    listed = entries(config, "masks")
    for place, entry in listed:
        key, target = f"masks.{place}", MASKS.get(str(entry.get("type")))
        own = {k: value for k, value in entry.items() if k in MASK_KEYS}
        yield from (p for p in node(key, MASK, own) if p.key != f"{key}.generator")
        yield from _gates(key, entry.get("losses"), dict(entries(config, "losses")))
        if target is None:
            yield _unknown_type(key, entry, MASKS, "mask")
            continue
        given = {k: value for k, value in entry.items() if k not in {*MASK_KEYS, "type"}}
        yield from node(key, target, given, others=MASK_KEYS, target_key="type")
    yield from _labels(listed)


def _gates(key: str, gated: Any, terms: dict[str, Config]) -> Iterator[Problem]:
    """Losses that a mask names: each has to be there and to take a mask."""
    able = [name for name, entry in terms.items() if _honours_masks(entry)]
    listed = f" Losses that take masks: {', '.join(able) or 'none'}."
    if gated == []:
        yield Problem(f"{key}.losses", "gates no loss and would change nothing", gated)
    for place, name in children(gated if isinstance(gated, list) else ()):
        if str(name) not in terms:
            message = f"there is no such loss.{nearest(str(name), able) or listed}"
            yield Problem(f"{key}.losses.{place}", message, name)
        elif name not in able:
            yield Problem(f"{key}.losses.{place}", f"this loss ignores masks.{listed}", name)


def _honours_masks(entry: Config) -> bool:
    """As the class says; a class that does not exist has a problem of its own."""
    target = loss_target(entry)
    try:
        return target is None or class_constant(target, "honours_masks") is True
    except TargetError:
        return True


def _labels(listed: list[tuple[str, Config]]) -> Iterator[Problem]:
    """A label may be used again only once the earlier mask has stopped."""
    for number, (place, mask) in enumerate(listed):
        for _, other in listed[:number]:
            label = mask.get("label")
            if label is not None and label == other.get("label") and not _apart(mask, other):
                message = "two masks have this label at the same time; give each its own"
                yield Problem(f"masks.{place}.label", message, label)


def _apart(mask: Config, other: Config) -> bool:
    return _ends_before(mask, other) or _ends_before(other, mask)


def _ends_before(mask: Config, other: Config) -> bool:
    stop, start = mask.get("stop"), other.get("start", 0)
    return isinstance(stop, int) and isinstance(start, int) and stop <= start
