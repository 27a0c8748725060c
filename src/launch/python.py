"""The command line as functions, for notebooks and scripts. Only `load` imports torch."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.composition.compose import compose as composed
from launch.composition.compose import started
from launch.composition.typed import normalised
from launch.errors import ConfigError, LaunchError, MissingError
from launch.record.run import Run, find_runs
from launch.record.targets import see_own_packages

if TYPE_CHECKING:
    from launch.train.module import ScheduledModule


def compose(experiment: str, *overrides: str) -> dict[str, Any]:
    """The finished configuration of an experiment, `compose("sr/static", "scale=full")`.

    Raises:
        ConfigError: for everything that is wrong with what is asked for.
    """
    with started():
        return composed([f"experiment={experiment}", *map(normalised, overrides)]).plain


def run(experiment: str, *overrides: str) -> Run:
    """Train, with what `python -m launch` prints; returns the run, completed.

    Raises:
        LaunchError: with the exit code of the command line, if the run does not complete.
    """
    typed = [f"experiment={experiment}", *map(normalised, overrides)]
    with started():
        folder = composed(typed).folder
    command = [sys.executable, "-m", "launch", *typed, f"run_dir={json.dumps(str(folder))}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        print(line, end="")
        last = line.strip() or last
    if process.wait():
        raise LaunchError(f"{folder}: {last}", process.returncode)
    return Run(folder)


def load(run: Run | str | Path) -> "ScheduledModule":
    """The recipe of a finished run in eval mode, with the weights of its best checkpoint.

    Args:
        run: a run, its folder, or the folder of an experiment with rungs, of which it is the last.

    Raises:
        MissingError: if there is no finished run.
        ConfigError: if its configuration names what is not allowed.
    """
    from launch.train.build import build_module  # noqa: PLC0415 - needs torch
    from launch.train.weights import load_weights  # noqa: PLC0415
    from launch.train.worker import as_built  # noqa: PLC0415

    see_own_packages()
    found = run if isinstance(run, Run) else Run(Path(run))
    if not found.record:
        raise MissingError(f"{found.folder} is no run folder")
    part = found.rung()
    if part.record.get("task") != "train":
        raise ConfigError(f"{part.folder} is a {part.record.get('task')}; give a training")
    module = build_module(as_built(part) | {"losses": {}, "masks": []})
    load_weights(module, part.checkpoint, with_state=True)
    return module.eval()


def runs(folder: str | Path = "runs") -> Any:
    """What every `run.json` below a folder says: a DataFrame if pandas is there, else a list."""
    records = [run.record | {"folder": str(run.folder)} for run in find_runs(Path(folder))]
    try:
        pandas = import_module("pandas")
    except ImportError:
        return records
    return pandas.json_normalize(records)
