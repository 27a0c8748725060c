"""What the record of a ladder says: before it starts, and how it ended."""

from typing import Any

from launch.composition.compose import Composition
from launch.ladder.ladder import Ladder
from launch.ladder.target import Target
from launch.record.identity import identity
from launch.record.run import Run
from launch.start.start import typed_record, under_hydra

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


def begin(target: Target, run: Run) -> None:
    """Write the record of a ladder before its first rung, or that it goes on."""
    run.forget_stop()
    if run.record.get("identity") == identity(target.config, {}):
        run.resume(**typed_record(target.composition))
        return
    assert target.ladder is not None
    under_hydra(target.composition, run.folder, lambda: 0)
    run.start(**announced(target.name, target.ladder, target.composition))
    run.write_config(target.config)


def conclude(run: Run, done: list[Run], code: int) -> None:
    """Write how a ladder has ended, whose rungs have left these runs."""
    if code == 0:
        run.finish("completed", exit_code=0, **gathered(done))
    else:
        status, error = ended(done, code)
        run.finish(status, error=error, exit_code=code)


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
