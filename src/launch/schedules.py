"""Schedules: pure functions of the iteration (or epoch), `schedule(i) -> float`.

An iteration is the number of completed updates of the main optimizer: 0 before the first one,
whatever the number of optimizers, of accumulated micro-batches or of processes. A schedule has
no state, so that it can be drawn before a run and evaluated right after a resume.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, Literal, Protocol, get_args

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from launch.errors import ConfigError, nearest
from launch.record import targets

Unit = Literal["iteration", "epoch"]
Shape = Literal["linear", "cosine", "step"]

EASES: dict[str, Callable[[float], float]] = {
    "linear": lambda progress: progress,
    "cosine": lambda progress: (1 - math.cos(math.pi * progress)) / 2,
    "step": lambda progress: float(progress >= 1),
}


class Schedule(Protocol):
    """What everything that changes over a run has in common."""

    @property
    def unit(self) -> Unit:
        """What the argument counts."""
        ...

    def __call__(self, i: int) -> float: ...

    def changes(self) -> tuple[int, ...]:
        """The points from which another piece of the formula holds, in increasing order."""
        ...


def interpolate(i: int, start: int, stop: int, first: float, last: float, shape: Shape) -> float:
    """`first` up to `start`, exactly `last` from `stop` on, eased by `shape` in between."""
    if i >= stop:
        return last
    if i <= start:
        return first
    return first + (last - first) * EASES[shape]((i - start) / (stop - start))


@dataclass(frozen=True)
class Constant:
    """The same value for ever."""

    value: float
    unit: Unit = "iteration"

    def __post_init__(self) -> None:
        check_finite(value=self.value)

    def __call__(self, i: int) -> float:
        return self.value

    def changes(self) -> tuple[int, ...]:
        return ()


@dataclass(frozen=True)
class Points:
    """Passes through (i, value) points; flat before the first and after the last.

    `[[0, 0], [1000, 1]]` warms up; `schedule_type` says how to get from one point to the next.
    With `step` the value of a point holds until the next one.
    """

    points: Sequence[Sequence[float]]
    schedule_type: Shape = "linear"
    unit: Unit = "iteration"

    def __post_init__(self) -> None:
        check_shape(self.schedule_type)
        pairs = [isinstance(point, Sequence) and len(point) == 2 for point in self.points]
        if not pairs or not all(pairs):
            raise ConfigError(f"points must be [[iteration, value], ...], got {self.points}")
        steps = [step for step, _ in self.points]
        for step in steps:
            check_count(point=step)
        if any(later <= earlier for earlier, later in pairwise(steps)):
            raise ConfigError(f"points must be at increasing iterations, got {steps}")
        for _, value in self.points:
            check_finite(value=value)

    def __call__(self, i: int) -> float:
        previous = self.points[0]
        for point in self.points:
            if i < point[0]:
                start, stop = int(previous[0]), int(point[0])
                shape = self.schedule_type
                return float(interpolate(i, start, stop, previous[1], point[1], shape))
            previous = point
        return float(previous[1])

    def changes(self) -> tuple[int, ...]:
        return tuple(int(step) for step, _ in self.points)


@dataclass(frozen=True)
class Exponential:
    """`initial * rate**i`, never below `floor`; counted in epochs unless told otherwise."""

    initial: float
    rate: float
    floor: float = 0.0
    unit: Unit = "epoch"

    def __post_init__(self) -> None:
        check_finite(initial=self.initial, floor=self.floor)
        if not 0 < self.rate <= 1:
            raise ConfigError(f"rate must be in (0, 1], got {self.rate}")
        if self.initial < self.floor:
            raise ConfigError(f"initial {self.initial} is below the floor {self.floor}")

    def __call__(self, i: int) -> float:
        return max(self.floor, self.initial * self.rate**i)

    def changes(self) -> tuple[int, ...]:
        """Where the floor is reached, if ever."""
        if self.rate == 1 or self.floor <= 0 or self.initial == self.floor:
            return ()
        reached = math.ceil(math.log(self.floor / self.initial) / math.log(self.rate))
        return (reached,)


@dataclass(frozen=True)
class LossWeight:
    """Weight of a loss: 0 before `start_iter`, a ramp to `target_weight`, 0 from `disable_after`.

    | i                          | weight                                                  |
    |----------------------------|---------------------------------------------------------|
    | `i >= disable_after`       | 0; the loss took part in exactly `disable_after` updates |
    | `i < start_iter`           | 0                                                       |
    | `i >= target_iter`         | exactly `target_weight`                                 |
    | between                    | from `loss_weight` to `target_weight`; `step` holds     |
    |                            | `loss_weight` until `target_iter`                       |

    `target_iter` defaults to `start_iter` (a jump) and `target_weight` to `loss_weight` (no ramp).
    A `loss_weight` of 0 is the start of a ramp, not a reason to drop the loss. Depends on the
    iteration alone, so resuming before `disable_after` makes the loss active again.
    """

    loss_weight: float = 1.0
    start_iter: int = 0
    target_iter: int | None = None
    target_weight: float | None = None
    disable_after: int | None = None
    schedule_type: Shape = "linear"
    unit: Unit = field(default="iteration", init=False)

    def __post_init__(self) -> None:
        check_shape(self.schedule_type)
        check_weight(loss_weight=self.loss_weight)
        check_count(start_iter=self.start_iter)
        if self.target_weight is not None:
            check_weight(target_weight=self.target_weight)
        if self.target_iter is not None:
            check_count(target_iter=self.target_iter)
            if self.target_iter < self.start_iter:
                raise ConfigError(
                    f"target_iter {self.target_iter} is before start_iter {self.start_iter}; "
                    "a ramp ends at or after its start"
                )
        if self.disable_after is not None:
            check_count(disable_after=self.disable_after)
            if self.disable_after <= self.start_iter:
                raise ConfigError(
                    f"disable_after {self.disable_after} is not after start_iter "
                    f"{self.start_iter}; the loss would never be active"
                )

    def __call__(self, i: int) -> float:
        if i < self.start_iter or (self.disable_after is not None and i >= self.disable_after):
            return 0.0
        if self.target_weight is None:
            return self.loss_weight
        stop = self.start_iter if self.target_iter is None else self.target_iter
        first, last = self.loss_weight, self.target_weight
        return float(interpolate(i, self.start_iter, stop, first, last, self.schedule_type))

    def changes(self) -> tuple[int, ...]:
        ramp_end = self.target_iter if self.target_weight is not None else None
        points = {self.start_iter, ramp_end, self.disable_after} - {None, 0}
        return tuple(sorted(point for point in points if point is not None))

    def warnings(self) -> list[str]:
        """What is legal but seldom meant."""
        found = []
        ramp = self.target_weight is not None and self.schedule_type != "step"
        if ramp and self.target_iter is None and self.target_weight != self.loss_weight:
            found.append(
                f"target_weight without target_iter jumps to {self.target_weight} at start_iter "
                f"{self.start_iter}; set target_iter for a ramp, or schedule_type: step"
            )
        if self.target_iter is not None and self.target_weight is None:
            found.append("target_iter without target_weight changes nothing; set target_weight")
        cut = None not in (self.disable_after, self.target_iter) and ramp
        if cut and (self.disable_after or 0) < (self.target_iter or 0):
            found.append(
                f"the ramp to {self.target_weight} at {self.target_iter} is cut by "
                f"disable_after {self.disable_after}"
            )
        return found


LOSS_WEIGHT_KEYS = frozenset(f.name for f in fields(LossWeight) if f.init)


def weight(spec: dict[str, Any]) -> Schedule:
    """The weight schedule of one loss from its schedule keys.

    `loss_weight` may be a list of points; `schedule_type` then says how to join them. Or it is a
    schedule of one's own, named by `_target_`.

    Raises:
        ConfigError: for values that make no sense, naming both numbers.
    """
    points = spec.get("loss_weight")
    if isinstance(points, Mapping):
        _require_alone(spec, "a schedule", {"loss_weight"})
        return own(points)
    if not isinstance(points, Sequence) or isinstance(points, str):
        return LossWeight(**spec)
    _require_alone(spec, "a list of points", {"loss_weight", "schedule_type"})
    for point in points:
        if isinstance(point, Sequence) and len(point) == 2:
            check_weight(loss_weight=point[1])
    return Points(points, spec.get("schedule_type", "linear"))


def _require_alone(spec: dict[str, Any], what: str, known: set[str]) -> None:
    superfluous = sorted(spec.keys() - known)
    if superfluous:
        raise ConfigError(
            f"loss_weight is {what}, so {', '.join(superfluous)} has no meaning; "
            "write it inside loss_weight"
        )


def own(node: Mapping[str, Any]) -> Schedule:
    """The schedule of a node with `_target_`, wherever its class lives.

    Raises:
        ConfigError: if it cannot be made, or is no schedule.
    """
    targets.require_all(dict(node))
    try:
        found: Any = instantiate(node, _convert_="all")
    except InstantiationException as error:
        raise ConfigError(f"{error.__cause__ or error}") from error
    if not all(hasattr(found, part) for part in ("__call__", "changes", "unit")):
        raise ConfigError(
            f"{node.get('_target_')} is no schedule; it needs unit, __call__(i) and changes(), "
            "see launch.schedules.Schedule"
        )
    return found


def check_shape(shape: str) -> None:
    if shape not in EASES:
        known = get_args(Shape)
        raise ConfigError(
            f"schedule_type {shape!r} is not one of {', '.join(known)}.{nearest(shape, known)}"
        )


def check_finite(**values: float) -> None:
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise ConfigError(f"{name} must be a finite number, got {value!r}")


def check_weight(**values: float) -> None:
    check_finite(**values)
    for name, value in values.items():
        if value < 0:
            raise ConfigError(f"{name} must not be negative, got {value}")


def check_count(**values: float) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ConfigError(f"{name} must be a whole number of at least 0, got {value!r}")


def silent_intervals(weights: Mapping[str, Schedule], end: int) -> list[tuple[int, int]]:
    """Intervals `(start, stop)` of the iterations `0 <= i < end` in which every weight is 0.

    Between two of its changes a schedule only rises or only falls, so that it is 0 in one stretch
    from either side, whose length is found by bisection. One counted in epochs is taken as active.
    """
    if any(schedule.unit == "epoch" for schedule in weights.values()):
        return []
    changes = {i for schedule in weights.values() for i in schedule.changes() if 0 < i < end}
    found: list[tuple[int, int]] = []
    for start, stop in pairwise(sorted({0, end} | changes)):
        parts = [_silent_part(schedule, start, stop) for schedule in weights.values()]
        first, last = max(p[0] for p in parts), min(p[1] for p in parts)
        if first >= last:
            continue
        touching = bool(found) and found[-1][1] == first
        found.append((found.pop()[0] if touching else first, last))
    return found


def _silent_part(schedule: Schedule, start: int, stop: int) -> tuple[int, int]:
    """The iterations from `start` to before `stop` in which a monotonic weight is 0."""
    at_start, at_end = schedule(start) == 0, schedule(stop - 1) == 0
    if at_start and at_end:
        return start, stop
    if not at_start and not at_end:
        return start, start
    steps = range(start, stop)
    turn = start + bisect_left(steps, True, key=lambda i: (schedule(i) == 0) != at_start)
    return (start, turn) if at_start else (turn, stop)
