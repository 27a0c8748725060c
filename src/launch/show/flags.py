"""What a plan holds that is legal but seldom meant, one sentence each. No torch."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from launch.schedules import LossWeight, Schedule, silent_intervals
from launch.show.planned import AverageDecay, Config, MaskGrowth, MaskSpan, Planned

NO_GRADIENT = 1e-8  # Adam's epsilon


def flags(planned: Sequence[Planned], config: Config | None = None) -> list[str]:
    """Schedules that cannot act as they are written, and intervals that cannot train.

    Args:
        config: with it also masks that gate nothing.
    """
    found = [warning for p in planned for warning in _unusual(p)]
    parts: Mapping[str, Any] = (config or {}).get("rungs") or {"": config or {}}
    for rung, group in groupby(planned, key=lambda p: p.rung):
        of_rung = list(group)
        found += [*_silence(rung, of_rung), *_idle_masks(rung, of_rung, parts.get(rung) or {})]
    return found + [prefix(rung) + w for rung, whole in parts.items() for w in _at_rest(whole)]


def _unusual(planned: Planned) -> Iterator[str]:
    """What is odd about one schedule; averages are expected to warm up in long runs only."""
    schedule, end = planned.schedule, f"the run ends at {planned.unit} {planned.last}"
    if isinstance(schedule, LossWeight):
        yield from (f"{planned.name}: {warning}" for warning in schedule.warnings())
    if isinstance(schedule, MaskSpan):
        yield from _whole_from_the_start(planned.name, schedule)
        return
    if isinstance(schedule, MaskGrowth):
        yield from _cut_growth(planned.name, schedule)
    if not planned.length_known or isinstance(schedule, AverageDecay):
        return
    late = [change for change in schedule.changes() if change > planned.last]
    silent = silent_intervals({"": schedule}, planned.last) == [(0, planned.last)]
    if silent and any(schedule.changes()):
        yield f"{planned.name} is 0 throughout; {end}"
    elif isinstance(schedule, MaskGrowth) and schedule.first >= planned.last:
        yield f"{planned.name} never acts: it starts at {schedule.first}; {end}"
    elif late:
        yield f"{planned.name}: what changes at {', '.join(map(str, late))} is never reached; {end}"


def _whole_from_the_start(name: str, span: MaskSpan) -> Iterator[str]:
    growth = span.growth
    if span.start >= span.whole and growth.ramp_stop > growth.ramp_start:
        unit = name.rpartition(".")[2]
        yield (
            f"{name}: it starts as large as it can get, {span.whole:g} {unit}, so it cannot grow; "
            "lower the size at its start"
        )


def _cut_growth(name: str, growth: MaskGrowth) -> Iterator[str]:
    """A ramp that the end of the mask's own window cuts."""
    if growth.after is None or growth.ramp_stop <= growth.after - growth.first:
        return
    reached = growth(growth.after - 1)
    yield (
        f"{name}: its ramp ends at {growth.first + growth.ramp_stop}, after its stage, which ends "
        f"at {growth.after}; it reaches {reached:.0%} and then jumps to everything"
    )


def _idle_masks(rung: str, planned: Sequence[Planned], config: Config) -> Iterator[str]:
    """Masks of whose losses none has a weight while the mask works."""
    weights = {p.key.removeprefix("losses."): p.schedule for p in planned if is_loss(p)}
    ends = [p.last for p in planned if is_loss(p) and p.length_known]
    for entry in config.get("masks") or [] if ends else []:
        gated = {name: weights[name] for name in entry.get("losses") or [] if name in weights}
        first, stop = entry.get("start") or 0, min(entry.get("stop") or ends[0], ends[0])
        if gated and first < stop and _silent(gated, first, stop):
            yield (
                f"{prefix(rung)}masks.{entry.get('label')} gates nothing: the weight of "
                f"{', '.join(gated)} is 0 from {first} to {stop}"
            )


def _silent(weights: Mapping[str, Schedule], first: int, stop: int) -> bool:
    """Whether all weights are 0 from `first` to before `stop`."""
    return any(a <= first and stop <= b for a, b in silent_intervals(weights, stop))


def _at_rest(config: Config) -> Iterator[str]:
    """Settings that leave weights where they are."""
    module, clip = config.get("module") or {}, (config.get("trainer") or {}).get("gradient_clip")
    nodes = {key: node for key, node in module.items() if isinstance(node, Mapping)}
    for key, node in nodes.items():
        scheduler = nodes.get(key.replace("optimizer", "lr_scheduler"), {})
        if key.endswith("optimizer") and node.get("lr") == 0 and "max_lr" not in scheduler:
            yield f"module.{key}.lr is 0: what it is for never changes"
    if clip and clip < NO_GRADIENT:
        yield (
            f"trainer.gradient_clip={clip:g} leaves next to nothing of any gradient; Adam adds "
            f"{NO_GRADIENT:g} to it, so that nothing changes"
        )


def _silence(rung: str, planned: Sequence[Planned]) -> Iterator[str]:
    """Intervals without an active loss."""
    losses = [p for p in planned if is_loss(p)]
    weights = {p.key: p.schedule for p in losses}
    if not losses or not losses[0].length_known:
        return
    for first, stop in silent_intervals(weights, losses[0].last):
        where = f"iteration {first}" if stop == first + 1 else f"iterations {first} to {stop - 1}"
        yield f"{prefix(rung)}no loss is active in {where}"


def prefix(rung: str) -> str:
    return f"rungs.{rung}: " if rung else ""


def is_loss(planned: Planned) -> bool:
    """Whether it is the weight of a loss, `losses.NAME`."""
    return planned.key.startswith("losses.") and planned.key.count(".") == 1
