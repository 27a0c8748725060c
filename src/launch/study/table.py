"""The result of a study in numbers: means, 95 % intervals and paired differences."""

import csv
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import fmean

from launch.record.history import seconds
from launch.record.run import Run
from launch.record.storage import replacing
from launch.study.study import Job, Study
from launch.tools.columns import markdown
from launch.tools.intervals import Estimate, Values, difference, estimate


def completed(folder: Path, study: Study) -> dict[Job, Run]:
    """The jobs that have a result."""
    runs = {job: Run(folder / job.place) for job in study.jobs()}
    return {job: run for job, run in runs.items() if run.status == "completed"}


def results(runs: dict[Job, Run], metric: str, condition: str, arm: str) -> Values:
    """A metric of the runs of one arm in one condition, by seed."""
    found = {
        job.seed: run.all_metrics
        for job, run in runs.items()
        if (job.condition, job.arm) == (condition, arm)
    }
    return {seed: float(values[metric]) for seed, values in found.items() if metric in values}


# Markdown


def table(folder: Path, study: Study) -> str:
    """The study as a page of Markdown."""
    runs = completed(folder, study)
    heading = ("condition",) * bool(study.conditions) + ("metric", "arm", "mean", "95 % interval")
    heading += (f"minus {study.reference}", "95 % interval", "seeds", "seconds per run")
    lines = [
        ((condition,) if condition else ()) + line
        for condition in study.places
        for metric in study.metrics
        for line in rows(runs, study, metric, condition)
    ]
    parts = [
        f"# Study {study.name}",
        markdown([heading, *lines]),
        f"Means over seeds with Student's interval; differences are paired, seed by seed, with "
        f"{study.reference}. An interval that contains 0 shows no difference.",
        *unfinished(folder, study),
        "\n".join(settings(runs, study)),
    ]
    return "\n\n".join(parts) + "\n"


def rows(
    runs: dict[Job, Run], study: Study, metric: str, condition: str
) -> Iterator[tuple[str, ...]]:
    """A row per arm, and one for the baseline of the metric."""
    reference = results(runs, metric, condition, study.reference)
    for arm in study.arms:
        values = results(runs, metric, condition, arm)
        own = estimate(list(values.values()))
        against = None if arm == study.reference else difference(values, reference)
        found = [r for job, r in runs.items() if (job.condition, job.arm) == (condition, arm)]
        times = [time for r in found if (time := seconds(r.record)) is not None]
        yield (
            metric,
            arm,
            *cells(own, own),
            *cells(against, own, sign="+"),
            f"{len(values)}/{len(study.seeds)}",
            f"{fmean(times):.0f}" if times else "-",
        )
    other = baseline(runs, study, metric, condition)
    if other:
        yield metric, f"({study.baseline[metric]})", *cells(other, None), *"----"


def baseline(runs: dict[Job, Run], study: Study, metric: str, condition: str) -> Estimate | None:
    """A metric's baseline over all runs of a condition; no interval, as runs share it."""
    name = study.baseline.get(metric, "")
    values = [v for arm in study.arms for v in results(runs, name, condition, arm).values()]
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


def settings(runs: dict[Job, Run], study: Study) -> Iterator[str]:
    """What every arm ran with, as its runs recorded it."""
    for condition, arm in product(study.places, study.arms):
        found = [r.record for j, r in runs.items() if (j.condition, j.arm) == (condition, arm)]
        made = found[0].get("overrides", study.arms[arm]) if found else study.arms[arm]
        kept = [override for override in made if not override.startswith(("run_dir=", "seed="))]
        yield f"- {condition}{', ' * bool(condition)}{arm}: `{' '.join(kept)}`"


def unfinished(folder: Path, study: Study) -> Iterator[str]:
    """Jobs that the table is missing, each with its reason."""
    for job in study.jobs():
        run = Run(folder / job.place)
        if run.status != "completed":
            reason = str(run.record.get("error") or "not started").splitlines()[0]
            yield f"**{job}: {run.status}.** {reason} ({run.folder})"


def write_csv(folder: Path, study: Study) -> None:
    """Write `study.csv`, one row per job."""
    metrics = list(dict.fromkeys([*study.metrics, *study.baseline.values()]))
    with replacing(folder / "study.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("condition", "arm", "seed", "status", "seconds", *metrics, "folder"))
        for job in study.jobs():
            run = Run(folder / job.place)
            values = [run.all_metrics.get(metric, "") for metric in metrics]
            time = seconds(run.record)
            state = (run.status, "" if time is None else time)
            writer.writerow((job.condition, job.arm, job.seed, *state, *values, run.folder))
