"""`task=plan`: every schedule of a configuration, drawn before a GPU hour is spent. No torch."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from launch.errors import ConfigError
from launch.masks.progress import progress
from launch.schedules import (
    LOSS_WEIGHT_KEYS,
    Constant,
    LossWeight,
    Schedule,
    Unit,
    silent_intervals,
    weight,
)

Config = Mapping[str, Any]

EVENLY_SPACED = 200
ASSUMED_LENGTH: dict[Unit, int] = {"iteration": 1000, "epoch": 20}


@dataclass(frozen=True)
class Planned:
    """A schedule of a configuration, by its key, and where its run ends.

    Attributes:
        key: what one would type, with `losses.gan` for the weight of a loss.
        last: the end of the run in the schedule's unit; updates use the values before it.
        length_known: False where the end depends on the data, as epochs do in a run that is
            given in iterations; `last` then leaves room for the last change.
        rung: which of an experiment's rungs it belongs to.
    """

    key: str
    schedule: Schedule
    last: int
    length_known: bool = True
    rung: str = ""

    @property
    def name(self) -> str:
        return f"rungs.{self.rung}.{self.key}" if self.rung else self.key

    @property
    def unit(self) -> Unit:
        return self.schedule.unit

    @property
    def changes(self) -> list[int]:
        """Where another piece of the formula begins, within the run, and shows."""
        s = self.schedule
        within = (change for change in s.changes() if 0 < change <= self.last)
        return [change for change in within if len({s(change - 1), s(change), s(change + 1)}) > 1]

    def points(self, at: Iterable[int] = ()) -> list[int]:
        """Where to evaluate it: evenly, at and just before every change, and at chosen points."""
        evenly = {round(self.last * part / EVENLY_SPACED) for part in range(EVENLY_SPACED + 1)}
        changes = {point for change in self.changes for point in (change - 1, change)}
        return sorted(evenly | changes | set(at))


@dataclass(frozen=True)
class AverageDecay:
    """Decay of averaged weights that warms up: `min(decay, (1 + i) / (10 + i))`."""

    decay: float
    unit: Unit = "iteration"

    def __call__(self, i: int) -> float:
        return min(self.decay, (1 + i) / (10 + i))

    def changes(self) -> tuple[int, ...]:
        """Where the warm-up ends."""
        if self.decay >= 1:
            return ()
        return (max(0, math.ceil((10 * self.decay - 1) / (1 - self.decay))),)


@dataclass(frozen=True)
class MaskGrowth:
    """How far a mask has grown, from 0 to 1; an adaptive one may be behind this, never ahead.

    Its iterations count from `first`; before `first` and from `after` on nothing is masked.
    """

    ramp_start: int
    ramp_stop: int
    growth: str = "linear"
    first: int = 0
    after: int | None = None
    unit: Unit = "iteration"

    def __call__(self, i: int) -> float:
        if i < self.first or (self.after is not None and i >= self.after):
            return 1.0
        shape = "cosine" if self.growth == "cosine" else "linear"
        return progress(i - self.first, self.ramp_start, self.ramp_stop, shape)

    def changes(self) -> tuple[int, ...]:
        """Where the mask begins, grows, is grown and ends."""
        ramp_stop = max(self.ramp_stop, self.ramp_start + 1)
        points = {self.first, self.first + self.ramp_start, self.first + ramp_stop}
        ends = set() if self.after is None else {self.after}
        return tuple(sorted({p for p in points if self.after is None or p < self.after} | ends))


# Finding schedules


def collect(config: Config) -> list[Planned]:
    """Every schedule of a composed configuration, under the key that one would type.

    The learning rate is among them if `plan.learning_rate` is set, which imports torch.

    Raises:
        ConfigError: for a schedule that cannot be built, naming its key.
    """
    rungs = config.get("rungs")
    if rungs:
        return [replace(p, rung=rung) for rung, whole in rungs.items() for p in collect(whole)]
    found = list(schedules(config))
    lengths = {unit: length(unit, config, [s for _, s in found]) for unit in ASSUMED_LENGTH}
    if config.get("plan", {}).get("learning_rate"):
        from launch import learning_rate  # noqa: PLC0415 - needs torch

        unit: Unit = "epoch" if lengths["epoch"][1] else "iteration"
        found += learning_rate.schedules(config["module"], lengths[unit][0], unit)
    return [Planned(key, s, *lengths[s.unit]) for key, s in found]


def schedules(config: Config) -> Iterator[tuple[str, Schedule]]:
    """Key and schedule of loss weights, masks, schedule nodes anywhere, and averages."""
    for name, entry in (config.get("losses") or {}).items():
        spec = {key: entry[key] for key in LOSS_WEIGHT_KEYS & entry.keys()}
        yield f"losses.{name}", _built(f"losses.{name}", weight, spec)
    for entry in config.get("masks") or []:
        if "ramp_start_it" in entry and "ramp_stop_it" in entry:
            yield f"masks.{entry.get('label')}", mask_growth(entry)
    yield from nodes(config, "")
    average = config.get("ema")
    if average:
        decay = average["decay"]
        yield "ema.decay", AverageDecay(decay) if average.get("warmup", True) else Constant(decay)


def mask_growth(entry: Config) -> MaskGrowth:
    ramp = entry["ramp_start_it"], entry["ramp_stop_it"]
    window = entry.get("start") or 0, entry.get("stop")
    return MaskGrowth(*ramp, entry.get("growth", "linear"), *window)


def nodes(value: Any, key: str) -> Iterator[tuple[str, Schedule]]:
    """Every node below `value` whose `_target_` is a schedule."""
    if isinstance(value, Mapping):
        if str(value.get("_target_", "")).startswith("launch.schedules."):
            yield key, _built(key, instantiate, value, _convert_="all")
            return
        children = value.items()
    elif isinstance(value, Sequence) and not isinstance(value, str):
        children = ((_place(i, entry), entry) for i, entry in enumerate(value))
    else:
        return
    for name, child in children:
        yield from nodes(child, f"{key}.{name}" if key else str(name))


def _place(index: int, entry: Any) -> str:
    return str(entry.get("label", index)) if isinstance(entry, Mapping) else str(index)


def _built(key: str, build: Any, *arguments: Any, **options: Any) -> Schedule:
    try:
        return build(*arguments, **options)
    except (ConfigError, InstantiationException) as error:
        reason = error.__cause__ or error
        raise ConfigError(f"{key}: {reason}") from error


def length(unit: Unit, config: Config, found: Iterable[Schedule]) -> tuple[int, bool]:
    """The end of the run in `unit`, and whether that is certain before the data is seen."""
    settings = config.get("trainer") or {}
    iterations, epochs = settings.get("max_iterations"), settings.get("max_epochs")
    given = iterations if unit == "iteration" else epochs if not iterations else None
    if given:
        return int(given), True
    changes = [change for s in found if s.unit == unit for change in s.changes()]
    return max(ASSUMED_LENGTH[unit], math.ceil(1.25 * max(changes, default=0))), False


# What is seldom meant


def flags(planned: Sequence[Planned]) -> list[str]:
    """What is legal but seldom meant, and intervals that cannot train, one sentence each."""
    found = [warning for p in planned for warning in _unusual(p)]
    for rung, schedules_of_rung in groupby(planned, key=lambda p: p.rung):
        found += _silence(rung, list(schedules_of_rung))
    return found


def _unusual(planned: Planned) -> Iterator[str]:
    """What is odd about one schedule; averages are expected to warm up in long runs only."""
    schedule, end = planned.schedule, f"the run ends at {planned.unit} {planned.last}"
    if isinstance(schedule, LossWeight):
        yield from (f"{planned.name}: {warning}" for warning in schedule.warnings())
    if not planned.length_known or isinstance(schedule, AverageDecay):
        return
    late = [change for change in schedule.changes() if change > planned.last]
    if silent_intervals({"": schedule}, planned.last) == [(0, planned.last)]:
        yield f"{planned.name} is 0 throughout; {end}"
    elif late:
        yield f"{planned.name}: what changes at {', '.join(map(str, late))} is never reached; {end}"


def _silence(rung: str, planned: Sequence[Planned]) -> Iterator[str]:
    """Intervals without an active loss."""
    losses = [p for p in planned if is_loss(p)]
    weights = {p.key: p.schedule for p in losses}
    if not losses or not losses[0].length_known:
        return
    for first, stop in silent_intervals(weights, losses[0].last):
        where = f"iteration {first}" if stop == first + 1 else f"iterations {first} to {stop - 1}"
        yield f"{f'rungs.{rung}: ' if rung else ''}no loss is active in {where}"


def is_loss(planned: Planned) -> bool:
    """Whether it is the weight of a loss, `losses.NAME`."""
    return planned.key.startswith("losses.") and planned.key.count(".") == 1


# What is written and shown


def main(config: Config, folder: Path) -> int:
    """`task=plan`: tables in the terminal, `plan.png` and `plan.csv` in the folder.

    Raises:
        ConfigError: if `plan.at` is not a list of whole numbers from 0 on.
    """
    at = config["plan"]["at"]
    if any(not isinstance(point, int) or point < 0 for point in at):
        raise ConfigError(f"plan.at must be a list of iterations such as [0,20000], got {at}")
    from launch import plan_table  # noqa: PLC0415 - it draws what this module defines

    planned = collect(config)
    plan_table.show(planned, at)
    for sentence in save(planned, folder, at):
        print(f"warning: {sentence}")
    print(f"picture: {folder / 'plan.png'}\ntable: {folder / 'plan.csv'}")
    return 0


def write(config: Config, folder: Path, at: Sequence[int] = ()) -> list[str]:
    """Put `plan.png` and `plan.csv` of a configuration into a folder; returns the flags."""
    return save(collect(config), folder, at)


def save(planned: Sequence[Planned], folder: Path, at: Sequence[int]) -> list[str]:
    """Write picture and table; returns the flags."""
    from launch import plan_picture  # noqa: PLC0415 - plotting is slow to import

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "plan.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("schedule", "unit", "at", "value"))
        writer.writerows(rows(planned, at))
    plan_picture.draw(planned, folder / "plan.png")
    return flags(planned)


def rows(planned: Iterable[Planned], at: Sequence[int]) -> Iterator[tuple[str, str, int, str]]:
    """Rows of `plan.csv`: schedule, unit, at, value."""
    for p in planned:
        for point in p.points(at):
            yield p.name, p.unit, point, format(float(p.schedule(point)), ".10g")
