"""The table of a ladder: `ladder.json` and `ladder.md`."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from launch.record import storage
from launch.record.history import at_best, jobs_of, seconds
from launch.record.origin import now
from launch.record.run import Run
from launch.tools.columns import markdown


def write(
    name: str, runs: Mapping[str, Run], metrics: Sequence[str], folder: Path, code: int
) -> None:
    """Record every rung with its metrics and gate.

    Args:
        runs: by experiment, in order.
        metrics: columns of the table, names or patterns.
        code: with which the ladder ends.
    """
    rungs = [entry(experiment, run) for experiment, run in runs.items()]
    done = all(rung["status"] == "completed" for rung in rungs) and not code
    record = {"name": name, "status": "completed" if done else "interrupted", "exit_code": code}
    storage.write_json(folder / "ladder.json", record | {"written": now(), "rungs": rungs})
    storage.write(folder / "ladder.md", f"# Ladder {name}\n\n{page(rungs, metrics)}")


def entry(experiment: str, run: Run) -> dict[str, Any]:
    """One rung: its jobs with the metrics of their best checkpoints."""
    jobs = {
        job: {
            "status": r.status,
            "metrics": at_best(r),
            "seconds": seconds(r.record),
            "parents": r.record.get("parents", []),
        }
        for job, r in jobs_of(run).items()
    }
    facts = {"experiment": experiment, "folder": str(run.folder), "status": run.status}
    return facts | {"jobs": jobs, "gate": run.record.get("gate")}


def page(rungs: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> str:
    """One line for each job, then every gate in a sentence."""
    lines = [["rung", "job", "status", *metrics, "minutes", "gates"]]
    lines += [row for rung in rungs for row in rows(rung, metrics)]
    told = [f"- {rung['experiment']}: {line}" for rung in rungs for line in sentences(rung["gate"])]
    return f"{markdown(lines)}\n\nMetrics are those of the best checkpoint.\n\n" + "\n".join(
        [*told, ""]
    )


def rows(rung: Mapping[str, Any], metrics: Sequence[str]) -> Iterator[list[str]]:
    for job, facts in rung["jobs"].items():
        values = [shown(facts["metrics"], pattern) for pattern in metrics]
        spent = facts["seconds"]
        minutes = "" if spent is None else f"{spent / 60:.1f}"
        yield [rung["experiment"], job, facts["status"], *values, minutes, gate(rung["gate"], job)]


def shown(metrics: Mapping[str, float], pattern: str) -> str:
    """The first metric that fits."""
    found = [value for name, value in metrics.items() if fnmatchcase(name, pattern)]
    return f"{found[0]:.4g}" if found else ""


def gate(record: Mapping[str, Any] | None, job: str) -> str:
    """The gates of a job in a few words: `open`, `ratio closed (warn)`."""
    rules = [rule for rule in (record or {}).get("rules", []) if rule["job"] == job]
    closed = [f"{r['type']} closed ({r['action']})" for r in rules if r["passed"] is False]
    judged = any(r["passed"] is not None for r in rules)
    return ", ".join(closed) or ("open" if judged else "not judged" if rules else "")


def sentences(record: Mapping[str, Any] | None) -> Iterator[str]:
    """Every rule of a gate with its numbers."""
    for rule in (record or {}).get("rules", []):
        word = {True: "open", False: f"closed ({rule['action']})", None: "not judged"}
        job = f"{rule['job']}, " if rule["job"] else ""
        yield f"{job}{rule['type']} {word[rule['passed']]}: {rule['sentence']}"
