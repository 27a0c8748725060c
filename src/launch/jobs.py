"""What Hydra runs: one job per run folder. A job starts a worker and returns its main metric."""

import math
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from launch.child import PARENT
from launch.compose import Config, finalise
from launch.errors import ConfigError, LaunchError, MissingError
from launch.losses import files
from launch.record.run import Run, locate
from launch.references import is_open, with_sources
from launch.rungs import climb


def job(config: DictConfig) -> float:
    """Entry point of a Hydra job. Never raises, so that one job cannot end a sweep.

    Returns:
        The main metric of the run, NaN if there is none; the exit code is in `run.json`.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    if "study" in config:
        from launch import study  # noqa: PLC0415 - needed here only

        return study.run_job(config.study, folder)
    run = Run(folder)
    try:
        plain = prepare(config, list(hydra.overrides.task), hydra.runtime.choices, folder)
    except LaunchError as error:
        run.start(experiment=hydra.runtime.choices.get("experiment"), task=config.get("task"))
        run.finish("failed", error=error.message, exit_code=error.exit_code)
        return math.nan
    announce(plain)
    overrides = list(hydra.overrides.task)
    execute(run, plain, hydra.runtime.choices["experiment"], overrides)
    return main_metric(run)


def prepare(config: DictConfig, overrides: list[str], choices: Any, folder: Path) -> Config:
    """The checked plain configuration of a run.

    Raises:
        LaunchError: listing everything that is wrong with it.
    """
    from launch import check  # noqa: PLC0415 - keeps `--cfg job` fast

    plain = finalise(config, overrides) | {"run_dir": str(folder)}
    sources = check.Sources.read(dict(choices), overrides)
    rungs: Any = plain.get("rungs") or {"": plain}
    for name, whole in rungs.items():
        try:
            check.require(whole, sources)
            if plain["task"] == "train":  # others take the recipe of the run they look at
                files.require(whole)
        except LaunchError as error:
            raise type(error)(f"{f'rung {name}: ' if name else ''}{error.message}") from None
    if plain["task"] in ("validate", "predict") and not plain["from"]:
        raise ConfigError(f"task={plain['task']} needs from=latest, a run folder or a checkpoint")
    if plain["task"] == "predict":
        require_paths(plain)
    return plain


def composed(overrides: list[str], folder: Path) -> Config:
    """The checked plain configuration that a command line of overrides would run with.

    Raises:
        LaunchError: as `prepare`; Hydra's own errors pass through.
    """
    config = compose("launch", overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    choices = dict(config.hydra.runtime.choices)
    with open_dict(config):
        del config["hydra"]
    return prepare(config, overrides, choices, folder)


def announce(config: Config) -> None:
    """The first lines of a run: its scale and data, and what is seldom meant."""
    from launch import check  # noqa: PLC0415

    rungs = list((config.get("rungs") or {"": config}).values())
    data = rungs[0]["data"]
    source = f" from {data['root']}" if data.get("root") else ""
    print(f"scale {config['scale']}, data {data['_target_'].rpartition('.')[2]}{source}")
    for warning in dict.fromkeys(w for rung in rungs for w in check.warnings(rung)):
        print(f"warning: {warning}")
    sys.stdout.flush()


def require_paths(config: Config) -> None:
    """`task=predict` needs something to read and somewhere to write."""
    for key, example in (("input", "photos"), ("output", "enlarged")):
        if not config[key]:
            raise ConfigError(f"task=predict needs {key}=PATH, such as {key}={example}")
    if not Path(config["input"]).exists():
        raise MissingError(f"input={config['input']}: there is no such file or folder")


def execute(run: Run, config: Config, experiment: str, overrides: list[str]) -> int:
    """Record the run and do its task, rung by rung if it has several; returns the exit code."""
    rungs = config.get("rungs")
    if not rungs and config["task"] == "train" and run.last.is_file():
        return go_on(run)
    if not rungs:
        return start(run, None, config, experiment, overrides, {})
    if config["task"] != "train":
        return apply(run, config, experiment, overrides)
    try:
        with run.lock():
            run.start(**origin(None, config, experiment, overrides), rungs=list(rungs))
            write_config(run, config)
            return again(run, config)
    except LaunchError as error:  # another process is at work there
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code


def go_on(run: Run) -> int:
    """The same command once more: an interrupted run continues, a completed one stands."""
    if run.status == "completed":
        print(f"{run.folder} is completed already", flush=True)
        return 0
    run.update(status="running", error=None)
    return work(run)


def require_own(run: Run, overrides: list[str]) -> None:
    """
    Raises:
        ConfigError: if the folder holds a run of another command, which must not be mixed up.
    """
    record = run.record
    made = record.get("overrides")
    if record.get("task") == "train" and run.last.is_file() and made != overrides:
        raise ConfigError(
            f"run_dir={run.folder} holds a run ({run.status}) of another command: "
            f"{record.get('command')}\nchoose another run_dir, or continue that one with "
            f"resume={run.folder}"
        )


def apply(run: Run, config: Config, experiment: str, overrides: list[str]) -> int:
    """Validate or predict with the rung that `from=` means; the last one of a whole run."""
    rungs = config["rungs"]
    try:
        source, checkpoint = locate(config["from"], Path(config["runs"]), experiment)
        name = source.record.get("rung")
        if name not in rungs:
            raise ConfigError(f"from={config['from']}: {experiment} has no rung {name!r}")
    except LaunchError as error:
        run.start(**origin(None, config, experiment, overrides))
        return failed(run, error)
    whole = rungs[name] | {"from": str(checkpoint)}
    return start(run, name, whole, experiment, overrides, {})


def again(run: Run, config: Config) -> int:
    """Start or continue what a run folder's record and configuration say; returns the exit code."""
    record = run.record
    experiment, overrides = record["experiment"], record["overrides"]
    if config.get("rungs"):
        try:
            return climb(
                run,
                config["rungs"],
                lambda rung, name, whole, finished: proceed(
                    rung, name, whole, experiment, overrides, finished
                ),
            )
        except LaunchError as error:
            return failed(run, error)
    if is_open(config):  # it was stopped while an earlier experiment was climbed
        return start(run, record["rung"], config, experiment, overrides, {})
    run.update(status="running", error=None)
    return work(run)


def proceed(
    run: Run,
    rung: str,
    config: Config,
    experiment: str,
    overrides: list[str],
    finished: dict[str, Run],
) -> int:
    """Continue a rung that was interrupted with the same settings, else start it."""
    if run.last.is_file() and run.record.get("overrides") == overrides:
        run.update(status="running", error=None)
        return work(run)
    return start(run, rung, config, experiment, overrides, finished)


def start(
    run: Run,
    rung: str | None,
    config: Config,
    experiment: str,
    overrides: list[str],
    finished: dict[str, Run],
) -> int:
    """Record where a run comes from and start its worker; returns the exit code."""
    run.start(**origin(rung, config, experiment, overrides))
    config = config | {"run_dir": str(run.folder)}
    write_config(run, config)
    try:
        config, parents = with_sources(config, experiment, overrides, finished, rung)
    except LaunchError as error:
        return failed(run, error)
    run.update(parents=parents)
    write_config(run, config)
    return work(run)


def failed(run: Run, error: LaunchError) -> int:
    """Record and print why a run could not start."""
    status = "interrupted" if error.exit_code == 143 else "failed"
    run.finish(status, error=error.message, exit_code=error.exit_code)
    print(f"error: {error.message}", file=sys.stderr)
    return error.exit_code


def origin(
    rung: str | None, config: Config, experiment: str, overrides: list[str]
) -> dict[str, Any]:
    """What `run.json` says of a run before it starts."""
    return {
        "experiment": experiment,
        "rung": rung,
        **{key: config[key] for key in ("task", "scale", "seed", "main_metric")},
        "overrides": overrides,
        "command": command(f"+experiment={experiment}", *overrides),
    }


def read_config(run: Run) -> Config:
    return yaml.safe_load((run.folder / "config.yaml").read_text())


def write_config(run: Run, config: Config) -> None:
    (run.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def work(run: Run) -> int:
    """Run the worker of a folder; returns its exit code, 143 if it was stopped by a signal."""
    own = {"PYTHONUNBUFFERED": "1", PARENT: str(os.getpid())}
    # Threads that wait without spinning: six times faster where other jobs share the cores.
    environment = {"OMP_WAIT_POLICY": "passive"} | os.environ | own
    threads = read_config(run)["trainer"]["threads"]
    if threads:
        environment |= {"OMP_NUM_THREADS": str(threads)}
    worker = [sys.executable, "-m", "launch.train.worker", str(run.folder)]
    process = subprocess.Popen(worker, env=environment)
    code = wait(process)
    if code < 0:
        code = 143 if -code in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL) else 1
    if run.record.get("status") == "running":
        run.finish("interrupted" if code == 143 else "failed", error=f"worker ended with {code}")
    run.update(exit_code=code)
    return code


def wait(process: "subprocess.Popen[bytes]") -> int:
    """Wait for the worker, which hears about SIGINT from the terminal and SIGTERM from here."""

    def forward(number: int, frame: Any) -> None:
        process.send_signal(number)

    try:
        previous = (
            signal.signal(signal.SIGTERM, forward),
            signal.signal(signal.SIGINT, lambda *_: None),
        )
    except ValueError:  # not the main thread, as under some launchers
        return process.wait()
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGTERM, previous[0])
        signal.signal(signal.SIGINT, previous[1])


def main_metric(run: Run) -> float:
    record = run.record
    if record.get("status") != "completed" or not record.get("main_metric"):
        return math.nan
    return float(record["metrics"].get(record["main_metric"]["name"], math.nan))


def command(*arguments: str) -> str:
    """A command line to type, without arguments that are there twice."""
    return shlex.join(["python", "-m", "launch", *dict.fromkeys(arguments)])
