"""Gates between the rungs of a ladder: pure functions of what a rung's validations have left.

A gate looks at one job of a rung at a time: at `rows`, its validations from the first to the last
as metric -> value, and at `earlier`, the metrics of the best checkpoint of the same job in rungs
before it. Metric names may be patterns: `lpips_val*` is `lpips_val` or `lpips_val_random`,
whichever the job reports. Losses and distances are meant to fall; for a score give `mode: max`.
A gate of one's own is a frozen dataclass below `Gate` with a `judge`, named by `_target_`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from hydra.utils import get_class
from pydantic import (
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from launch.record import targets

Row = Mapping[str, float]
Earlier = Mapping[str, Row]
Mode = Literal["min", "max"]
ROUNDING = 1e-9


@dataclass(frozen=True)
class Verdict:
    """What a gate says of one job of a rung.

    Attributes:
        passed: None if there is too little to judge by, which stops nothing.
        values: the numbers it rests on, by a name that says what each is.
        sentence: rule and numbers, to read.
        gate: the gate that says it, with what is done about a closed one.
        job: the job of the rung, "" if it has only one.
    """

    passed: bool | None
    values: dict[str, float]
    sentence: str
    gate: "Gate"
    job: str = ""

    @property
    def word(self) -> str:
        return {True: "open", False: "closed", None: "not judged"}[self.passed]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What all gates share.

    Attributes:
        on_fail: warn and go on; stop; or retry, which trains the rung once more.
        remedy: overrides for `retry`, added to those of the rung.
        then: what a gate does that is still closed after its retry.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    type: str
    on_fail: Literal["warn", "stop", "retry"] = "warn"
    remedy: list[str] = field(default_factory=list)
    then: Literal["warn", "stop"] = "stop"

    def metrics(self) -> Iterator[str]:
        """Names or patterns of the metrics without which there is nothing to judge."""
        yield from ()

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        raise NotImplementedError

    def action(self, retried: bool) -> str:
        """What happens when it is closed."""
        return self.then if retried and self.on_fail == "retry" else self.on_fail


@dataclass(frozen=True, kw_only=True)
class Finite(Gate):
    """Open if no metric of any validation is NaN or infinite."""

    type: Literal["finite"]

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        broken = {n: value for row in rows for n, value in row.items() if not math.isfinite(value)}
        count = {"validations": float(len(rows))}
        if broken:
            return Verdict(False, broken | count, f"not finite: {', '.join(broken)}", self)
        return Verdict(True, count, f"all metrics of {len(rows)} validations are finite", self)


@dataclass(frozen=True, kw_only=True)
class OfMetric(Gate):
    """Judges by the course of one metric."""

    metric: str

    def metrics(self) -> Iterator[str]:
        yield self.metric


@dataclass(frozen=True, kw_only=True)
class Waiting(OfMetric):
    """Counts validations since `metric` last improved by `min_delta`, relative to its best."""

    mode: Mode = "min"
    validations: PositiveInt = 4
    min_delta: NonNegativeFloat = 0.01

    def waited(self, rows: Sequence[Row]) -> tuple[int, str]:
        name, values = series(rows, self.metric)
        sign = 1 if self.mode == "min" else -1
        best, since = math.inf, 0
        for value in (sign * value for value in values):
            gained = math.isinf(best) or value < best - self.min_delta * abs(best)
            best, since = (value, 0) if gained else (best, since + 1)
        return since, f"{name}: {since} validations without a gain of {self.min_delta:.0%}"


@dataclass(frozen=True, kw_only=True)
class Plateau(Waiting):
    """Open once `metric` has not improved for `validations` of them: more would not help."""

    type: Literal["plateau"]

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        since, sentence = self.waited(rows)
        sentence += f", a plateau is {self.validations}"
        return Verdict(since >= self.validations, {"waited": float(since)}, sentence, self)


@dataclass(frozen=True, kw_only=True)
class Patience(Waiting):
    """Open if the job went on for at most `validations` of them after its last gain."""

    type: Literal["patience"]
    validations: PositiveInt = 3

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        since, sentence = self.waited(rows)
        sentence += f", {self.validations} are allowed"
        return Verdict(since <= self.validations, {"waited": float(since)}, sentence, self)


@dataclass(frozen=True, kw_only=True)
class Overfit(Gate):
    """Closed if, for the last `validations` steps, `rises` rose each time while `falls` fell."""

    type: Literal["overfit"]
    rises: str
    falls: str
    validations: PositiveInt = 3

    def metrics(self) -> Iterator[str]:
        yield from (self.rises, self.falls)

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        up, down = (series(rows, pattern)[0] for pattern in (self.rises, self.falls))
        both = [row for row in rows if up in row and down in row]  # nothing trains before the first
        rising, falling = ([row[name] for row in both] for name in (up, down))
        if len(both) <= self.validations:
            return too_short(self, len(both), self.validations + 1)
        steps = [*zip(pairwise(rising), pairwise(falling), strict=True)][-self.validations :]
        apart = sum(after > before and lower < higher for (before, after), (higher, lower) in steps)
        values = {f"{up} before": rising[-len(steps) - 1], f"{up} now": rising[-1]}
        values |= {f"{down} before": falling[-len(steps) - 1], f"{down} now": falling[-1]}
        sentence = f"{up} rose while {down} fell in {apart} of the last {len(steps)} validations"
        return Verdict(apart < len(steps), values, sentence, self)


@dataclass(frozen=True, kw_only=True)
class Ratio(Gate):
    """Open if each metric is at most its factor times what it was `over` - 1 validations ago.

    Attributes:
        at_most: metric -> factor, such as `{sky_val_loss: 0.95, mat_val_loss: 1.10}`.
        over: length of the comparison; over the last three, two validations lie between.
    """

    type: Literal["ratio"]
    at_most: Annotated[dict[str, PositiveFloat], Field(min_length=1)]
    over: Annotated[int, Field(ge=2)] = 3

    def metrics(self) -> Iterator[str]:
        yield from self.at_most

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        passed, values, parts = True, {}, []
        for pattern, factor in self.at_most.items():
            name, history = series(rows, pattern)
            if len(history) < self.over:
                return too_short(self, len(history), self.over)
            before, now = history[-self.over], history[-1]
            fits = now <= factor * before
            passed = passed and fits
            values |= {f"{name} before": before, f"{name} now": now}
            relation = "<=" if fits else ">"
            parts.append(f"{name} {now:.4g} {relation} {factor:g} x {before:.4g}")
        return Verdict(passed, values, ", ".join(parts), self)


@dataclass(frozen=True, kw_only=True)
class Forgetting(OfMetric):
    """Open if `metric` is at most `drop` (relative) worse than in an earlier rung."""

    type: Literal["forgetting"]
    since: str
    mode: Mode = "max"
    drop: PositiveFloat = 0.10

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        name, history = series(rows, self.metric)
        before, now = earlier.get(self.since, {}).get(name), history[-1]
        if before is None:
            return Verdict(None, {name: now}, f"{self.since} has not reported {name}", self)
        loss = worsening(before, now, self.mode)
        change = f"{abs(loss):.1%} {'worse' if loss > 0 else 'better'}"
        sentence = (
            f"{name} {now:.4g} is {change} than {before:.4g} in {self.since}; "
            f"{self.drop:.0%} worse is allowed"
        )
        return Verdict(loss <= self.drop + ROUNDING, {"before": before, "now": now}, sentence, self)


@dataclass(frozen=True, kw_only=True)
class Spike(OfMetric):
    """Open if no validation is worse than `factor` times the one before it.

    Attributes:
        since: an earlier rung, whose value stands before the first validation.
    """

    type: Literal["spike"]
    factor: PositiveFloat = 1.2
    since: str | None = None

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        name, history = series(rows, self.metric)
        start = earlier.get(self.since or "", {}).get(name)
        values = history if start is None else [start, *history]
        if len(values) < 2:
            return too_short(self, len(values), 2)
        before, after = max(pairwise(values), key=lambda pair: pair[1] - self.factor * pair[0])
        passed = after <= self.factor * before
        sentence = (
            f"{name} went from {before:.4g} to {after:.4g} at worst; "
            f"{self.factor:g} times is allowed"
        )
        return Verdict(passed, {"before": before, "after": after}, sentence, self)


@dataclass(frozen=True, kw_only=True)
class Threshold(OfMetric):
    """Open if the best value of `metric` is `at_least` or `at_most` so much.

    Attributes:
        at_least: for a score. Give this or `at_most`.
    """

    type: Literal["threshold"]
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a threshold gate has either at_least or at_most")

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        name, history = series(rows, self.metric)
        if self.at_least is not None:
            best, passed = max(history), max(history) >= self.at_least
            sentence = f"{name} reached {best:.4g}; at least {self.at_least:g} is asked"
        else:
            best, passed = min(history), min(history) <= (self.at_most or 0)
            sentence = f"{name} reached {best:.4g}; at most {self.at_most:g} is asked"
        return Verdict(passed, {"best": best}, sentence, self)


@dataclass(frozen=True, kw_only=True)
class Start(OfMetric):
    """Open if the last validation is at most `drop` (relative) worse than the first.

    For jobs whose first validation is made before the first update, so that it is of the weights
    they start from.
    """

    type: Literal["start"]
    mode: Mode = "min"
    drop: NonNegativeFloat = 0.0

    def judge(self, rows: Sequence[Row], earlier: Earlier) -> Verdict:
        name, history = series(rows, self.metric)
        if len(history) < 2:
            return too_short(self, len(history), 2)
        before, now = history[0], history[-1]
        loss = worsening(before, now, self.mode)
        sentence = f"{name} went from {before:.4g} at the start to {now:.4g}"
        if self.drop:
            sentence += f"; {self.drop:.0%} worse is allowed"
        return Verdict(loss <= self.drop + ROUNDING, {"before": before, "now": now}, sentence, self)


def _or_own(value: Any, shipped: ValidatorFunctionWrapHandler) -> Gate:
    """A gate by its `type`, or one of somebody's own by `_target_`.

    Raises:
        ConfigError: if its name is not allowed or cannot be imported.
        ValueError: for what its class has no use for.
    """
    if not isinstance(value, Mapping) or "_target_" not in value:
        return shipped(value)
    targets.require_all(dict(value))
    given = {key: setting for key, setting in value.items() if key != "_target_"}
    name = str(value["_target_"])
    adapter: TypeAdapter[Any] = TypeAdapter(get_class(name))
    try:
        return adapter.validate_python({"type": name} | given)
    except ValidationError as error:
        found = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(f"{name}: {'; '.join(found)}") from error


AnyGate = Annotated[
    Annotated[
        Finite | Plateau | Patience | Overfit | Ratio | Forgetting | Spike | Threshold | Start,
        Field(discriminator="type"),
    ],
    WrapValidator(_or_own),
]


def series(rows: Sequence[Row], pattern: str) -> tuple[str, list[float]]:
    """The first metric that fits a name or pattern, and its values from first to last."""
    names = dict.fromkeys(name for row in rows for name in row)
    name = next(name for name in names if fnmatchcase(name, pattern))
    return name, [row[name] for row in rows if name in row]


def worsening(before: float, now: float, mode: Mode) -> float:
    """By how much a metric is worse than before, relative."""
    return (before - now if mode == "max" else now - before) / (abs(before) or 1)


def too_short(gate: Gate, got: int, needed: int) -> Verdict:
    values = {"validations": float(got)}
    return Verdict(None, values, f"{got} validations; the rule needs {needed}", gate)
