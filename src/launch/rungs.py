"""The rungs of one experiment in order, each from the best of those before it. Imports no torch."""

from collections.abc import Callable
from typing import Any

from launch.compose import Config
from launch.record.run import Run
from launch.references import require_parents

Start = Callable[[Run, str, Config, dict[str, Run]], int]


def climb(run: Run, rungs: dict[str, Config], start: Start) -> int:
    """Run the rungs below a run's folder; finished ones are skipped. Returns the exit code.

    `start(run, name, config, finished)` runs one of them and returns its exit code.

    Raises:
        MissingError: if a finished rung was trained from a checkpoint that is another one today.
    """
    finished: dict[str, Run] = {}
    for name, config in rungs.items():
        rung = Run(run.folder / name)
        if rung.status == "completed":
            require_parents(rung)
            print(f"{name}: completed already", flush=True)
        else:
            print(f"{name}: {len(finished) + 1} of {len(rungs)}", flush=True)
            code = start(rung, name, config, finished)
            if code:
                run.finish(rung.status, error=rung.record.get("error"), exit_code=code)
                return code
        finished[name] = rung
    run.finish("completed", exit_code=0, **gathered(finished))
    return 0


def gathered(rungs: dict[str, Run]) -> dict[str, Any]:
    """What the whole experiment records: the metrics of all rungs, the later ones winning."""
    records = [run.record for run in rungs.values()]
    last = records[-1]
    metrics = {name: value for record in records for name, value in record["metrics"].items()}
    keys = ("iteration", "data", "best", "main_metric")
    return {"metrics": metrics, **{key: last.get(key) for key in keys}}
