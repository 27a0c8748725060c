"""What a schedule does at its changes, in words: `losses.gan: 0 → 0.08`. No torch."""

from collections.abc import Iterable

from launch.show.plan_table import jumps, number
from launch.show.planned import Planned


def events(planned: Iterable[Planned], updates_per_epoch: float | None) -> list[tuple[int, str]]:
    """Iteration and sentence of every change that shows, in the order of the run.

    What is counted in epochs is left out where the length of one is not known.
    """
    found = [event for p in planned for event in _of(p, updates_per_epoch)]
    return sorted(dict.fromkeys(found))


def _of(planned: Planned, updates_per_epoch: float | None) -> Iterable[tuple[int, str]]:
    scale = 1.0 if planned.unit == "iteration" else updates_per_epoch
    if scale is None:
        return
    for change in planned.changes:
        yield round(change * scale), f"{planned.key} {sentence(planned, change)}"


def sentence(planned: Planned, change: int) -> str:
    """What happens at one change."""
    schedule = planned.schedule
    before, value, after = schedule(change - 1), schedule(change), schedule(change + 1)
    if jumps(schedule, change):
        return f"{number(before)} → {number(value)}"
    if before == value:
        return f"{'rises' if after > value else 'falls'} from {number(value)}"
    if after == value:
        return f"reaches {number(value)}"
    return f"turns at {number(value)}"
