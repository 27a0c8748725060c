"""What the record of a ladder says: before it starts, and how it ended."""

from typing import Any

from launch.composition.compose import Composition
from launch.ladder.ladder import Ladder
from launch.record.identity import identity
from launch.record.run import Run
from launch.start.start import typed_record

CLOSED = 4
"""The exit code of a ladder that a gate stops."""


def announced(name: str, ladder: Ladder, composition: Composition) -> dict[str, Any]:
    """What `run.json` says of a ladder before it starts."""
    config = composition.plain
    return {
        "experiment": ladder.of or None,
        "ladder": None if ladder.of else name,
        "rung": None,
        **{key: config[key] for key in ("task", "scale", "seed")},
        "main_metric": config.get("main_metric"),
        "identity": identity(config, {}),
        **typed_record(composition),
        "rungs": [ladder.place(rung) for rung in ladder.rungs],
    }


def gathered(runs: list[Run]) -> dict[str, Any]:
    """What a ladder records at its end: that of its last training, and the metrics of all."""
    last = [run.reread().record for run in runs][-1]
    found = {name: value for run in runs for name, value in run.all_metrics.items()}
    keys = ("iteration", "metrics", "data", "best", "main_metric")
    return {"metrics_of_rungs": found, **{key: last.get(key) for key in keys}}


def ended(runs: list[Run], code: int) -> tuple[str, str | None]:
    """Status and error of a ladder that has not come to its end."""
    if code == CLOSED:
        return "failed", "a gate stays closed"
    stopped = next((run for run in runs if run.reread().status != "completed"), runs[-1])
    return stopped.status, stopped.record.get("error")


def farewell(code: int) -> str:
    if code == CLOSED:
        return "a gate stays closed; rungs=[...] climbs the rungs behind it all the same"
    return "the same command continues" if code else "completed"
