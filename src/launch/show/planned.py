"""Every schedule of a composed configuration, by the key that one would type. No torch."""

import ast
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from launch.errors import ConfigError, LaunchError
from launch.masks.progress import progress
from launch.schedules import LOSS_WEIGHT_KEYS, Constant, Schedule, Unit, own, weight
from launch.source.definitions import Definition, find, lineage

if TYPE_CHECKING:
    import numpy as np

Config = Mapping[str, Any]

EVENLY_SPACED = 200
ASSUMED_LENGTH: dict[Unit, int] = {"iteration": 1000, "epoch": 20}


@dataclass(frozen=True)
class Planned:
    """A schedule of a configuration, by its key, and where its run ends.

    Attributes:
        key: what one would type, with `losses.gan` for the weight of a loss.
        last: the end of the run in the schedule's unit; updates use the values before it.
        length_known: False where the end depends on data that is not there, as epochs do in a run
            that is given in iterations; `last` then leaves room for the last change.
        rung: which of an experiment's rungs it belongs to.
        updates_per_epoch: None where the data is not there to say.
    """

    key: str
    schedule: Schedule
    last: int
    length_known: bool = True
    rung: str = ""
    updates_per_epoch: float | None = None

    @property
    def name(self) -> str:
        return f"rungs.{self.rung}.{self.key}" if self.rung else self.key

    @property
    def unit(self) -> Unit:
        return self.schedule.unit

    @property
    def end(self) -> int:
        """Where its last value acts: the end, or the last epoch, since none begins at the end."""
        return max(0, self.last - (self.unit == "epoch"))

    @property
    def changes(self) -> list[int]:
        """Where another piece of the formula begins, within the run, and shows."""
        s = self.schedule
        within = (change for change in s.changes() if 0 < change <= self.end)
        return [change for change in within if len({s(change - 1), s(change), s(change + 1)}) > 1]

    @property
    def is_constant(self) -> bool:
        """Whether it has one value from the first update to the last."""
        return not self.changes and len({self.schedule(i) for i in self.points()}) == 1

    @property
    def iterations(self) -> float | None:
        """How many iterations its unit has; None where the data is not there to say."""
        return 1 if self.unit == "iteration" else self.updates_per_epoch

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


@dataclass(frozen=True)
class MaskSpan:
    """What a growing mask spans, in a unit of its own, from `start` to `whole`."""

    growth: MaskGrowth
    start: float
    whole: float
    unit: Unit = "iteration"

    def __call__(self, i: int) -> float:
        return self.start + self.growth(i) * (self.whole - self.start)

    def changes(self) -> tuple[int, ...]:
        return self.growth.changes()


@dataclass(frozen=True)
class Facts:
    """What only the data of a run can say.

    Attributes:
        updates_per_epoch: iterations in one pass over the data; None if it is not there.
        spans: of each mask by label, what it spans before and after its growth, by unit.
    """

    updates_per_epoch: float | None = None
    spans: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Thumbnails:
    """A mask at shares of its growth, of the fit as it starts: iterations and images (H, W)."""

    label: str
    iterations: list[int]
    images: "list[np.ndarray]"


Masks = Mapping[str, Sequence[Thumbnails]]
"""Thumbnails of the masks of each rung, under "" for a run that has none."""


def collect(
    config: Config, facts: Mapping[str, Facts] | None = None, learning_rates: bool = False
) -> list[Planned]:
    """Every schedule of a composed configuration, under the key that one would type.

    Args:
        facts: what the data says, for each rung, under "" for a run that has none.
        learning_rates: with those of the optimizers; one with a scheduler imports torch.

    Raises:
        ConfigError: for a schedule that cannot be built, naming its key.
    """
    parts = config.get("rungs") or {"": config}
    return [
        replace(p, rung=rung)
        for rung, whole in parts.items()
        for p in of_run(whole, (facts or {}).get(rung, Facts()), learning_rates)
    ]


def of_run(config: Config, facts: Facts, learning_rates: bool) -> Iterator[Planned]:
    found = [*schedules(config), *spans(config, facts)]
    per_epoch = facts.updates_per_epoch
    every = [s for _, s in found]
    lengths = {unit: length(unit, config, every, per_epoch) for unit in ASSUMED_LENGTH}
    if learning_rates:
        unit: Unit = "iteration" if config["trainer"].get("max_iterations") else "epoch"
        found += rates(config.get("module") or {}, lengths[unit][0], unit)
    for key, s in found:
        yield Planned(key, s, *lengths[s.unit], updates_per_epoch=per_epoch)


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


def rates(module: Config, last: int, unit: Unit) -> Iterator[tuple[str, Schedule]]:
    """Key and learning rate of every optimizer; one that no scheduler moves takes no torch."""
    if any(key.endswith("lr_scheduler") and node for key, node in module.items()):
        from launch.train import learning_rate  # noqa: PLC0415 - needs torch

        yield from learning_rate.schedules(module, last, unit)
        return
    for key, node in module.items():
        if key.endswith("optimizer") and isinstance(node, Mapping) and "lr" in node:
            yield f"module.{key}.lr", Constant(float(node["lr"]))


def mask_growth(entry: Config) -> MaskGrowth:
    ramp = entry["ramp_start_it"], entry["ramp_stop_it"]
    window = entry.get("start") or 0, entry.get("stop")
    return MaskGrowth(*ramp, entry.get("growth", "linear"), *window)


def spans(config: Config, facts: Facts) -> Iterator[tuple[str, MaskSpan]]:
    """What masks span, in the units that they say."""
    for entry in config.get("masks") or []:
        for unit, (start, whole) in facts.spans.get(str(entry.get("label")), {}).items():
            yield f"masks.{entry['label']}.{unit}", MaskSpan(mask_growth(entry), start, whole)


def needs_data(config: Config) -> bool:
    """Whether a plan depends on the data: something is masked or counted in epochs."""
    by_epochs = not config["trainer"].get("max_iterations")
    counted = any(schedule.unit == "epoch" for _, schedule in schedules(config))
    return bool(config.get("data")) and (bool(config.get("masks")) or by_epochs or counted)


def nodes(value: Any, key: str) -> Iterator[tuple[str, Schedule]]:
    """Every node below `value` whose `_target_` is a schedule; weights of losses are apart."""
    if isinstance(value, Mapping):
        if is_schedule(str(value.get("_target_", ""))):
            yield key, _built(key, own, value)
            return
        children = [(name, child) for name, child in value.items() if name != "loss_weight"]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        children = ((_place(i, entry), entry) for i, entry in enumerate(value))
    else:
        return
    for name, child in children:
        yield from nodes(child, f"{key}.{name}" if key else str(name))


def is_schedule(target: str) -> bool:
    """Whether a class has `changes`, as every schedule does, by its source."""
    try:
        found = find(target) if target else None
    except LaunchError:
        return False
    known = lineage(found) if isinstance(found, Definition) else ()
    parts = (part for definition in known if definition for part in definition.body)
    return any(isinstance(part, ast.FunctionDef) and part.name == "changes" for part in parts)


def _place(index: int, entry: Any) -> str:
    return str(entry.get("label", index)) if isinstance(entry, Mapping) else str(index)


def _built(key: str, build: Any, spec: Any) -> Schedule:
    try:
        return build(spec)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error.message}") from error


def length(
    unit: Unit, config: Config, found: Iterable[Schedule], updates_per_epoch: float | None = None
) -> tuple[int, bool]:
    """The end of the run in `unit`, and whether that is certain."""
    settings = config.get("trainer") or {}
    iterations, epochs = settings.get("max_iterations"), settings.get("max_epochs")
    given = iterations if unit == "iteration" else epochs if not iterations else None
    if given:
        return int(given), True
    if updates_per_epoch and iterations:
        return math.ceil(iterations / updates_per_epoch), True
    if updates_per_epoch and epochs:
        return math.ceil(epochs * updates_per_epoch), True
    changes = [change for s in found if s.unit == unit for change in s.changes()]
    return max(ASSUMED_LENGTH[unit], math.ceil(1.25 * max(changes, default=0))), False


# What a configuration fixes for a run, or for a part of it


def data_settings(config: Config) -> Iterator[tuple[str, Any]]:
    """The numbers of the `data:` section, such as the share of one source."""
    for key, value in (config.get("data") or {}).items():
        if isinstance(value, int | float) and key != "workers":
            yield key, str(value).lower() if isinstance(value, bool) else value


def trainable(config: Config) -> Iterator[str]:
    """Which parts train, in a line each; of a run in stages for each stage."""
    chosen = config.get("trainable") or {}
    for key, word in (("train", "trains"), ("freeze", "frozen")):
        if chosen.get(key):
            yield f"{word}: {', '.join(chosen[key])}"
    if chosen.get("norm_only"):
        yield "trains: norms only"
    for stage in stages(config):
        first, stop = stage["first"], stage["first"] + stage["steps"]
        rest = ", ".join(
            f"{key} {', '.join(map(str, value)) if isinstance(value, list) else value}"
            for key, value in stage.items()
            if key not in ("name", "first", "steps") and value not in (None, [], 0)
        )
        yield f"stage {stage.get('name')}, {first} to {stop}: {rest}"


def stages(config: Config) -> list[dict[str, Any]]:
    """Windows of iterations within a run, each with `name`, `first` and `steps`."""
    found = (config.get("module") or {}).get("stages")
    known = [s for s in found or [] if isinstance(s, Mapping) and {"first", "steps"} <= s.keys()]
    return [dict(stage) for stage in known]
