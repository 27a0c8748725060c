"""Which run is best, by how much, and in what the runs differ. Imports no torch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from launch.show.report.read import SEED, RunData
from launch.show.told import baseline
from launch.tools.intervals import Estimate, difference, estimate


def varied(runs: Sequence[RunData]) -> list[str]:
    """Settings in which runs of the same experiment differ, the seed apart; twins once."""
    by_kind: dict[tuple[str, ...], list[RunData]] = defaultdict(list)
    for run in runs:
        if run.config:
            by_kind[run.kind].append(run)
    found: dict[str, None] = {}
    for alike in by_kind.values():
        keys = dict.fromkeys(key for run in alike for key in run.config)
        found |= {k: None for k in keys if len({run.config.get(k) for run in alike}) > 1}
    found.pop(SEED, None)
    courses: dict[tuple[str | None, ...], str] = {}
    for key in found:  # of settings that always change together the first is enough
        courses.setdefault(tuple(run.config.get(key) for run in runs), key)
    return list(courses.values())


def groups(runs: Sequence[RunData]) -> list[list[int]]:
    """Places of the runs that differ in nothing but their seed, in the order of their first.

    Runs that a table must not average lie apart: those of other data, and of no configuration.
    """
    found: dict[Any, list[int]] = {}
    for place, run in enumerate(runs):
        settings = frozenset((k, v) for k, v in run.config.items() if k != SEED)
        data = fingerprint(run)
        found.setdefault((run.kind, data, settings or place), []).append(place)
    return list(found.values())


def fingerprint(run: RunData) -> str:
    data = run.record.get("data")
    return str(data.get("fingerprint") or data.get("name")) if isinstance(data, Mapping) else ""


def summary(runs: Sequence[RunData], members: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Mean, half width of the 95 % interval and count of each metric over completed seeds.

    Of several runs with one seed the last counts.
    """
    done = {seed(runs[i], i): runs[i].metrics for i in members if runs[i].status == "completed"}
    names = dict.fromkeys(name for metrics in done.values() for name in metrics)
    found = {name: estimate([m[name] for m in done.values() if name in m]) for name in names}
    return {name: vars(e) for name, e in found.items() if e}


# The verdict


@dataclass(frozen=True)
class Comparable:
    """What runs must share for their main metrics to be compared."""

    metric: str
    mode: str
    rung: str
    task: str
    data: str
    scale: str


def comparable(run: RunData) -> Comparable | None:
    """None for a run without a result: unfinished, or with no number as its main metric."""
    if run.main_metric is None or run.main_value is None or run.status != "completed":
        return None
    metric, mode = run.main_metric
    rung, task, scale = (str(run.record.get(key) or "") for key in ("rung", "task", "scale"))
    return Comparable(metric, mode, rung, task, fingerprint(run), scale)


def verdicts(runs: Sequence[RunData], grouped: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """For each set of comparable runs the best group, and by how much; largest sets first."""
    sets: dict[Comparable, list[list[int]]] = defaultdict(list)
    for members in grouped:
        parts: dict[Comparable, list[int]] = defaultdict(list)
        for place in members:
            key = comparable(runs[place])
            if key:
                parts[key].append(place)
        for key, part in parts.items():
            sets[key].append(part)
    found = [verdict(key, runs, entries) for key, entries in sets.items()]
    return sorted(found, key=lambda entry: -entry["count"])


def verdict(
    key: Comparable, runs: Sequence[RunData], entries: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """The best of some groups: its estimate, its lead over the second, and over the baseline."""
    sign = 1 if key.mode == "max" else -1
    values = [{seed(runs[i], i): runs[i].main_value or 0.0 for i in part} for part in entries]
    means = [sum(v.values()) / len(v) for v in values]
    order = sorted(range(len(entries)), key=lambda place: -sign * means[place])
    first = order[0]
    best = max(entries[first], key=lambda i: sign * (runs[i].main_value or 0.0))
    result: dict[str, Any] = {
        **vars(key),
        "count": sum(map(len, entries)),
        "members": list(entries[first]),
        "best": best,
        "estimate": as_dict(estimate(list(values[first].values()))),
        "second": None,
        "baseline": against_baseline(key.metric, [runs[i] for i in entries[first]]),
    }
    if len(order) > 1:
        second = order[1]
        paired = difference(values[first], values[second])
        lead = Estimate(means[first] - means[second], None, 0)
        result["second"] = list(entries[second])
        result["second_mean"] = means[second]
        result["lead"] = as_dict(paired if paired and paired.count > 1 else lead)
    return result


def seed(run: RunData, place: int) -> int:
    """The seed; a run that says none is paired with no other."""
    value = run.record.get("seed")
    return value if isinstance(value, int) else -1 - place


def against_baseline(metric: str, members: Sequence[RunData]) -> dict[str, Any] | None:
    name = baseline(metric, members[0].metrics)
    values = [run.metrics[name] for run in members if name in run.metrics] if name else []
    return {"name": name, "value": sum(values) / len(values)} if values else None


def as_dict(value: Estimate | None) -> dict[str, Any] | None:
    return vars(value) if value else None
