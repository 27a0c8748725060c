"""A checked configuration becomes a run: its folder, its record, its worker. Imports no torch."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import run_job
from hydra.types import HydraContext
from omegaconf import open_dict, read_write

from launch.check.configuration import require
from launch.composition.compose import Composition
from launch.composition.typed import command
from launch.errors import ConfigError, LaunchError, MissingError
from launch.losses import files
from launch.record import storage
from launch.record.checksum import sha256
from launch.record.expand import expanded
from launch.record.identity import Config, Standing, holds_training, identity, standing
from launch.record.origin import now
from launch.record.parents import Parents, keep
from launch.record.process import rank
from launch.record.run import Run
from launch.record.stopping import STOPPED, requests
from launch.show.flags import flags
from launch.show.planned import collect
from launch.start import pool, ranks

SECONDS_BETWEEN_LOOKS = 1.0

REFUSED = 2
"""Exit code of what is the user's to mend."""

CHOSEN = ("hydra.searchpath",)
"""Overrides of Hydra's own that decide what is composed."""


@dataclass(frozen=True)
class Job:
    """What is about to run.

    Attributes:
        composition: of its configuration.
        config: the same, resolved and checked.
        parents: reference, as it stands in the configuration -> the checkpoint that it means, or
            None where one may be missing.
        part: experiment and rung, for a rung of an experiment.
    """

    composition: Composition
    config: Config
    parents: Parents = field(default_factory=dict)
    part: tuple[str, str] | None = None

    @property
    def identity(self) -> str:
        known = {key: parent.identity if parent else "none" for key, parent in self.parents.items()}
        return identity(self.config, known)

    def origin(self) -> dict[str, Any]:
        """What `run.json` says of a run before it starts."""
        experiment, rung = self.part or (self.config["name"], None)
        return {
            "experiment": experiment,
            "rung": rung,
            **{key: self.config.get(key) for key in ("task", "scale", "seed", "main_metric")},
            "identity": self.identity,
            "parents": [
                {"reference": key, **(asdict(parent) if parent else {"checkpoint": None})}
                for key, parent in self.parents.items()
            ],
            **typed_record(self.composition),
        }


def typed_record(composition: Composition) -> dict[str, Any]:
    """What was typed for a run, and the command that repeats it."""
    node = composition.whole.hydra.overrides
    chosen = [o for o in node.hydra if o.lstrip("+").split("=")[0] in CHOSEN]
    overrides = [*composition.overrides_of_task(), *chosen]
    return {"overrides": overrides, "command": command(*overrides)}


# Before a folder exists


def checked(composition: Composition) -> Config:
    """The resolved configuration of a run.

    Raises:
        LaunchError: listing everything that is wrong with it.
    """
    config = composition.plain
    whole = expanded(config)
    require(whole, composition)
    if config["task"] == "train":  # others take the recipe of the run they look at
        files.require(whole)
    if config["task"] in ("validate", "predict", "export") and not config["from"]:
        raise ConfigError(f"task={config['task']} needs from=latest, a run folder or a checkpoint")
    if config["task"] == "predict":
        require_paths(config)
    return config


def require_paths(config: Config) -> None:
    """`task=predict` needs something to read and somewhere to write."""
    for key, example in (("input", "photos"), ("output", "enlarged")):
        if not config[key]:
            raise ConfigError(f"task=predict needs {key}=PATH, such as {key}={example}")
    if not Path(config["input"]).exists():
        raise MissingError(f"input={config['input']}: there is no such file or folder")


def announce(configs: Iterable[Config]) -> None:
    """The first lines of a run: its scale and data, and what is seldom meant."""
    listed = list(configs)
    data = listed[0]["data"] or {}
    source = f" from {data['root']}" if data.get("root") else ""
    print(
        f"scale {listed[0]['scale']}, data {str(data.get('_target_')).rpartition('.')[2]}{source}"
    )
    whole = map(expanded, listed)
    for warning in dict.fromkeys(w for c in whole for w in flags(collect(c), c)):
        print(f"warning: {warning}")
    sys.stdout.flush()


# In the folder


def perform(job: Job, run: Run, written: bool = False) -> int:
    """Start a run, continue it, or leave it as it is completed; returns the exit code.

    Args:
        written: whether Hydra has written `.hydra` already, as it does for a job of a sweep.

    Raises:
        LaunchError: if the folder holds another run, or another process is at work there.
    """
    if rank() > 0:
        return ranks.follow(run, job.identity)
    with run.lock() as lock:
        run.forget_stop()
        held = standing(run, job.identity, job.config)
        if held is Standing.COMPLETED:
            require_parents(run)
            print(f"{run.folder} is completed already", flush=True)
            return 0
        if held is Standing.STOPPED:
            run.resume(typed=job.origin()["command"])
            return work(run, run.config, lock)
        begin = lambda: begun(job, run, lock)  # noqa: E731 - what Hydra calls
        return begin() if written else under_hydra(job.composition, run.folder, begin)


def begun(job: Job, run: Run, lock: int) -> int:
    """Write the first record and configuration of a run, then train."""
    run.start(**job.origin())
    run.write_config(job.config)
    if job.config["task"] == "train":
        keep(run, job.parents)
    return work(run, job.config, lock)


def changed(job: Job, run: Run) -> int:
    """Continue a run with another configuration; if that is refused it keeps its own.

    Raises:
        LaunchError: if another process is at work in the folder.
    """
    with run.lock() as lock:
        run.forget_stop()
        before = run.record
        configured = [run.folder / "config.yaml", *(run.folder / ".hydra").glob("*.yaml")]
        written = {path: path.read_bytes() for path in configured}
        made = {key: before[key] for key in ("overrides", "command", "experiment", "rung")}
        overrides = [*made["overrides"], *job.composition.overrides]
        resumed = command(f"resume={run.folder}", *job.composition.overrides)
        # The one way in which identity may change: asked for by name, kept in the ledger.
        origin = job.origin() | made | {"overrides": overrides, "command": command(*overrides)}

        def again() -> int:
            run.resume(**origin, typed=resumed)
            run.write_config(job.config)
            keep(run, job.parents)
            return work(run, job.config, lock)

        code = under_hydra(job.composition, run.folder, again)
        if code == REFUSED and run.record["iteration"] == before["iteration"]:
            for path, content in written.items():
                storage.write(path, content)
            run.note("refused", **{key: before.get(key) for key in origin})
        return code


def under_hydra(composition: Composition, folder: Path, task: Callable[[], int]) -> int:
    """Let Hydra write `.hydra` and call the task, as it does for every job of a sweep."""
    whole = composition.whole.copy()
    with read_write(whole.hydra), open_dict(whole.hydra):
        whole.hydra.run.dir = str(folder)
    context = HydraContext(GlobalHydra.instance().config_loader(), Callbacks(whole))
    raised: list[LaunchError] = []

    def called(_: Any) -> int:
        try:
            return task()
        except LaunchError as error:
            raised.append(error)
            return error.exit_code

    result = run_job(called, whole, "hydra.run.dir", None, context, configure_logging=False)
    if raised:
        raise raised[0]
    return int(result.return_value)


def refuse(run: Run, composition: Composition, error: LaunchError) -> None:
    """Record a job that cannot start, unless its folder holds the run of another."""
    with suppress(ConfigError), run.lock(patience=0):  # else it is the other's to tell
        if not holds_training(run):
            config = composition.whole
            run.start(experiment=config.name, task=config.task, **typed_record(composition))
            status = "interrupted" if error.exit_code == 143 else "failed"
            run.finish(status, error=error.message, exit_code=error.exit_code)


def require_parents(run: Run) -> None:
    """
    Raises:
        MissingError: if a checkpoint that the run was trained from is another one today.
    """
    for parent in run.record.get("parents", []):
        checkpoint = Path(parent.get("checkpoint") or "")
        if checkpoint.is_file() and sha256(checkpoint) != parent["sha256"]:
            raise MissingError(
                f"{run.folder} was trained from {checkpoint}, which is another file since (sha256 "
                f"{sha256(checkpoint)[:12]}, recorded {parent['sha256'][:12]}); delete "
                f"{run.folder} to train it again"
            )


# The worker


def work(run: Run, config: Config, lock: int) -> int:
    """Run the worker of a folder; returns its exit code, 143 if it was stopped by a signal.

    The worker has a process group of its own, so that each signal reaches it once, from here.

    Raises:
        Stopped: if this process was asked to stop before.
    """
    # Threads that wait without spinning: six times faster where other jobs share the cores.
    quiet = {} if pool.is_suited(config) else ranks.QUIET
    environment = {"OMP_WAIT_POLICY": "passive"} | quiet | os.environ | {"PYTHONUNBUFFERED": "1"}
    if config["trainer"]["threads"]:
        environment |= {"OMP_NUM_THREADS": str(config["trainer"]["threads"])}
    requests.require_none()
    process = pool.started(run.folder, config, environment, lock)
    with requests.handled(partial(passed_on, process), partial(killed, process)):
        if config["task"] == "train":
            draw_plan(run, config)  # here, so that no worker and no rank holds what draws
        code = end_of(process, run, config["trainer"].get("stop_within", 90))
        if config["task"] == "train" and run.reread().record.get("updates_per_epoch"):
            draw_plan(run, config)  # again, since the data has said how long an epoch is
    return concluded(run, code)


def passed_on(process: pool.Worker, number: int) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def killed(process: pool.Worker, _: int = 0) -> None:
    """End the worker with its ranks and loaders."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def end_of(process: pool.Worker, run: Run, stop_within: float) -> int:
    """The exit code of the worker, which is told to stop if its folder is asked to."""
    asked = None
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(SECONDS_BETWEEN_LOOKS)
        if asked is None and requests.at is None and run.is_asked_to_stop:
            passed_on(process, signal.SIGTERM)  # it alone: a search goes on after a pruned trial
            asked = time.monotonic()
        asked = requests.at or asked
        if asked is not None and time.monotonic() - asked > stop_within:
            print(f"no end after {stop_within} seconds; the last checkpoint stands", flush=True)
            killed(process)


def concluded(run: Run, code: int) -> int:
    """Record how a worker ended that could not say so itself; returns the exit code."""
    error = f"worker ended with {code}"
    told = requests.at is not None or run.is_asked_to_stop
    asked = told or -code in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    if code < 0 and asked:
        code, error = STOPPED, "stopped on request; the last checkpoint stands"
    elif code < 0:
        name, memory = signal.Signals(-code).name, ", as the system does when memory runs out"
        error = f"the worker was ended by {name}{memory * (-code == signal.SIGKILL)}"
        code = 128 - code
        print(f"error: {error}; the last checkpoint stands", file=sys.stderr, flush=True)
    with storage.optional("run.json"):
        ended: dict[str, Any] = {"exit_code": code}
        if run.derive().record.get("status") == "running":
            status = "interrupted" if code == STOPPED else "failed"
            ended |= {"status": status, "error": error, "signal": requests.name, "ended": now()}
        run.note("exit", **ended)
    return code


def draw_plan(run: Run, config: Config) -> None:
    """Leave a picture and a table of every schedule; what goes wrong with it is only told."""
    from launch.show import plan  # noqa: PLC0415 - plotting is slow to import

    with storage.optional("the plan"):
        plan.write(expanded(config), run.folder, run.record.get("updates_per_epoch"))
