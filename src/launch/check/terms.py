"""The objective: losses, the schedules of their weights, and the masks that gate them."""

from collections.abc import Collection, Iterator
from typing import Any

from launch.check.nodes import node, walk
from launch.check.problem import Problem
from launch.errors import ConfigError, LaunchError, nearest
from launch.losses import LOSSES
from launch.masks import MASKS
from launch.record import targets
from launch.record.inside import children
from launch.schedules import LOSS_WEIGHT_KEYS, Schedule, silent_intervals, weight
from launch.source.signatures import class_constant

Config = dict[str, Any]

MASK = "launch.masks.scheduled.ScheduledMask"
MASK_KEYS = ("label", "losses", "start", "stop")


def entries(config: Config, section: str) -> dict[str, Config]:
    """The mappings of `losses` or `masks` by name or place."""
    return {k: e for k, e in children(config.get(section)).items() if isinstance(e, dict)}


def _chosen(
    key: str, entry: Config, table: dict[str, str], beside: Collection[str]
) -> Iterator[Problem]:
    """Problems of the class that an entry names, and of what it is given.

    Args:
        beside: keys of the entry that are not for the class.
    """
    try:
        target = targets.of_entry(entry, table)
    except ConfigError as error:
        inside = [f"{key}.type", error.message, entry["type"]] if "type" in entry else None
        yield Problem(*(inside or [key, error.message]))
        return
    given = {k: v for k, v in entry.items() if k not in {*beside, "type"}}
    by = "_target_" if "_target_" in entry else "type"
    yield from node(key, target, given, others=sorted(beside), target_key=by)
    for name, value in given.items():
        yield from walk(f"{key}.{name}", value)


# Losses


def losses(config: Config) -> Iterator[Problem]:
    """Problems of every loss by itself."""
    for name, entry in entries(config, "losses").items():
        yield from _schedule(f"losses.{name}", entry)
        yield from _chosen(f"losses.{name}", entry, LOSSES, LOSS_WEIGHT_KEYS)


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


def silence(config: Config) -> Iterator[Problem]:
    """Iterations in which the objective is empty; of a run counted in epochs, only the first."""
    named = entries(config, "losses")
    if not named or any(any(_schedule(name, entry)) for name, entry in named.items()):
        return
    schedules = {name: _weight(entry) for name, entry in named.items()}
    end = children(config.get("trainer")).get("max_iterations")
    for start, stop in silent_intervals(schedules, end if isinstance(end, int) and end > 0 else 1):
        where = f"iteration {start}" if stop == start + 1 else f"iterations {start} to {stop - 1}"
        yield Problem("losses", f"no loss is active in {where}; a run needs one at all times")


# Masks


def masks(config: Config) -> Iterator[Problem]:
    """Problems of every mask, and of labels that two of them share."""
    listed = entries(config, "masks")
    for place, entry in listed.items():
        key = f"masks.{place}"
        own = {k: value for k, value in entry.items() if k in MASK_KEYS}
        yield from (p for p in node(key, MASK, own) if p.key != f"{key}.generator")
        yield from _gates(key, entry.get("losses"), entries(config, "losses"))
        yield from _chosen(key, entry, MASKS, MASK_KEYS)
    yield from _labels([*listed.items()])


def _gates(key: str, gated: Any, terms: dict[str, Config]) -> Iterator[Problem]:
    """Losses that a mask names: each has to be there and to take a mask."""
    able = [name for name, entry in terms.items() if _honours_masks(entry)]
    listed = f" Losses that take masks: {', '.join(able) or 'none'}."
    if gated == []:
        yield Problem(f"{key}.losses", "gates no loss and would change nothing", gated)
    for place, name in enumerate(gated if isinstance(gated, list) else ()):
        if str(name) not in terms:
            message = f"there is no such loss.{nearest(str(name), able) or listed}"
            yield Problem(f"{key}.losses.{place}", message, name)
        elif name not in able:
            yield Problem(f"{key}.losses.{place}", f"this loss ignores masks.{listed}", name)


def _honours_masks(entry: Config) -> bool:
    """As the class says; a class that does not exist has a problem of its own."""
    try:
        return class_constant(targets.of_entry(entry, LOSSES), "honours_masks") is True
    except LaunchError:
        return True


def _labels(listed: list[tuple[str, Config]]) -> Iterator[Problem]:
    """A label may be used again only once the earlier mask has stopped."""
    for number, (place, mask) in enumerate(listed):
        for _, other in listed[:number]:
            label, apart = mask.get("label"), _before(mask, other) or _before(other, mask)
            if label is not None and label == other.get("label") and not apart:
                message = "two masks have this label at the same time; give each its own"
                yield Problem(f"masks.{place}.label", message, label)


def _before(mask: Config, other: Config) -> bool:
    stop, start = mask.get("stop"), other.get("start", 0)
    return isinstance(stop, int) and isinstance(start, int) and stop <= start
