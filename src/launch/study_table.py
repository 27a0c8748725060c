"""The result of a study in numbers: means, 95 % intervals and paired differences."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

from scipy.special import stdtrit

from launch.run import Run
from launch.study import Study

Values = dict[int, float]  # by seed


@dataclass(frozen=True)
class Estimate:
    """A mean of `count` values and half the width of its 95 % interval, None below two values."""

    mean: float
    half_width: float | None
    count: int

    @property
    def interval(self) -> tuple[float, float] | None:
        if self.half_width is None:
            return None
        return self.mean - self.half_width, self.mean + self.half_width


def estimate(values: Sequence[float]) -> Estimate | None:
    """Mean and Student's interval, `mean ± t(0.975, n - 1) s / sqrt(n)`; None without values."""
    if not values:
        return None
    count = len(values)
    if count == 1:
        return Estimate(values[0], None, 1)
    half_width = float(stdtrit(count - 1, 0.975)) * stdev(values) / sqrt(count)
    return Estimate(fmean(values), half_width, count)


def results(folder: Path, study: Study, metric: str) -> dict[str, Values]:
    """A metric of the completed runs, by arm and seed."""
    found: dict[str, Values] = {arm: {} for arm in study.arms}
    for arm, seed in study.jobs():
        record = study.run(folder, arm, seed).record
        value = record.get("metrics", {}).get(metric)
        if record.get("status") == "completed" and value is not None:
            found[arm][seed] = float(value)
    return found


def difference(values: Values, reference: Values) -> Estimate | None:
    """The paired difference over the seeds that both have."""
    return estimate([values[seed] - reference[seed] for seed in values if seed in reference])


def seconds(run: Run) -> float | None:
    """Wall-clock time from start to end, pauses of an interrupted run included."""
    record = run.record
    if not record.get("started") or not record.get("ended"):
        return None
    ended, started = (datetime.fromisoformat(record[key]) for key in ("ended", "started"))
    return (ended - started).total_seconds()


def cost(folder: Path, study: Study, arm: str) -> Estimate | None:
    """Seconds of a completed run of an arm."""
    runs = (study.run(folder, arm, seed) for seed in study.seeds)
    times = [seconds(run) for run in runs if run.record.get("status") == "completed"]
    return estimate([time for time in times if time is not None])


# Markdown


def table(folder: Path, study: Study) -> str:
    """The study as a page of Markdown."""
    heading = ("metric", "arm", "mean", "95 % interval", f"minus {study.reference}")
    heading += ("95 % interval", "seeds", "seconds per run")
    lines = [heading, *(row for metric in study.metrics for row in rows(folder, study, metric))]
    parts = [
        f"# Study {study.name}",
        aligned(lines),
        f"Means over seeds with Student's interval; differences are paired, seed by seed, with "
        f"{study.reference}. An interval that contains 0 shows no difference.",
        *unfinished(folder, study),
        "\n".join(f"- {arm}: `{' '.join(settings(folder, study, arm))}`" for arm in study.arms),
    ]
    return "\n\n".join(parts) + "\n"


def rows(folder: Path, study: Study, metric: str) -> Iterator[tuple[str, ...]]:
    """A row per arm, and one for the baseline of the metric."""
    found = results(folder, study, metric)
    reference = found[study.reference]
    for arm, values in found.items():
        against = None if arm == study.reference else difference(values, reference)
        own = estimate(list(values.values()))
        time = cost(folder, study, arm)
        yield (
            metric,
            arm,
            *cells(own, own),
            *cells(against, own, sign="+"),
            f"{len(values)}/{len(study.seeds)}",
            f"{time.mean:.0f}" if time else "-",
        )
    other = study.baseline.get(metric)
    if other:
        yield metric, f"({other})", *cells(baseline(folder, study, metric), None), *"----"


def baseline(folder: Path, study: Study, metric: str) -> Estimate | None:
    """The metric's baseline over all completed runs; without an interval, as runs share it."""
    found = results(folder, study, study.baseline[metric])
    values = [value for by_seed in found.values() for value in by_seed.values()]
    return Estimate(fmean(values), None, len(values)) if values else None


def cells(what: Estimate | None, scale: Estimate | None, sign: str = "") -> tuple[str, str]:
    """Mean and interval, with the decimals that suit the metric itself."""
    if what is None:
        return "-", "-"
    decimals = 2 if abs((scale or what).mean) >= 10 else 4
    mean, *ends = (
        f"{round(value, decimals) + 0.0:{sign}.{decimals}f}"  # + 0.0: no negative zero
        for value in (what.mean, *(what.interval or ()))
    )
    return mean, " to ".join(ends) or "-"


def settings(folder: Path, study: Study, arm: str) -> list[str]:
    """The overrides that an arm ran with, what was typed for all arms included."""
    records = (study.run(folder, arm, seed).record for seed in study.seeds)
    made = next((r["overrides"] for r in records if "overrides" in r), study.arms[arm])
    return [override for override in made if not override.startswith(("run_dir=", "seed="))]


def unfinished(folder: Path, study: Study) -> Iterator[str]:
    """Jobs that the table is missing, each with its reason."""
    for arm, seed in study.jobs():
        run = study.run(folder, arm, seed)
        if run.status != "completed":
            reason = str(run.record.get("error") or "not started").splitlines()[0]
            yield f"**{arm}, seed {seed}: {run.status}.** {reason} ({run.folder})"


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table that can also be read as text; the first line is its heading."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    ]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [padded[0], rule, *padded[1:]])


def write_csv(folder: Path, study: Study) -> None:
    """Write `study.csv`, one row per job."""
    metrics = list(dict.fromkeys([*study.metrics, *study.baseline.values()]))
    with (folder / "study.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("arm", "seed", "status", "seconds", *metrics, "folder"))
        for arm, seed in study.jobs():
            run = study.run(folder, arm, seed)
            values = [run.record.get("metrics", {}).get(metric, "") for metric in metrics]
            time = seconds(run)
            row = (arm, seed, run.status, "" if time is None else time, *values, run.folder)
            writer.writerow(row)
