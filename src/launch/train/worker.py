"""`python -m launch.train.worker RUN_DIR`: does what RUN_DIR/config.yaml says.

The worker never composes a configuration, so that it can be started as a plain process, as a
distributed rank or by a cluster's scheduler, and again to resume.
"""

import logging
import os
import sys
import traceback
import warnings
from dataclasses import asdict
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from hydra.errors import InstantiationException
from lightning.fabric.utilities.exceptions import MisconfigurationException

from launch.errors import ConfigError, LaunchError, PreemptedError, nearest
from launch.record import storage, targets
from launch.record.checksum import sha256
from launch.record.expand import expanded
from launch.record.parents import held
from launch.record.process import LOCK, die_with_parent, leave, outlive_readers, rank
from launch.record.references import with_checkpoints
from launch.record.run import Run
from launch.record.stopping import Stopped, requests
from launch.record.stream import Stream
from launch.train.acceleration import SHARDED
from launch.train.build import (
    build_data,
    build_module,
    build_trainer,
    prepare_stream,
    readable,
    restore_counters,
    validate_each_epoch,
)
from launch.train.callbacks.checkpoints import Checkpoints
from launch.train.callbacks.step_log import log_validation
from launch.train.checkpoint_files import keep_weights_alone, read, resumable
from launch.train.data import ScheduledDataModule
from launch.train.module import ScheduledModule
from launch.train.weights import load_weights, save_weights

Config = dict[str, Any]

LIGHTNINGS = "/lightning/pytorch/callbacks/"
"""Where an error is one of what was typed for a callback, and its message says all."""


def main(arguments: list[str]) -> int:
    """Run the task of one run folder; returns the exit code."""
    outlive_readers()
    die_with_parent()
    targets.see_own_packages()
    run = Run(Path(arguments[0]))
    with requests.heard():
        if rank() > 0:  # the first rank ends the others
            with requests.handled(first=lambda _: None):
                return whole(run)
        if LOCK in os.environ:  # the front end has the lock and has handed it on
            return whole(run)
        with run.lock():
            return whole(run)


def whole(run: Run) -> int:
    """Run the task of a folder whose lock is held."""
    try:
        config = as_built(run)
    except LaunchError as error:
        return ended(run, {}, error)
    except Stopped:
        return ended(run, {}, PreemptedError(run.record.get("iteration", 0)))
    return work(run, config)


def as_built(run: Run) -> Config:
    """The finished configuration with what follows from it, and a checkpoint for each reference."""
    parents = {name: parent and parent.checkpoint for name, parent in held(run).items()}
    written = run.config
    targets.require_all(written)
    config = expanded(written)
    targets.require_all(config)  # what is expanded is checked as what is written
    config = with_checkpoints(config, parents)
    return config | {"from": parents.get("from", config["from"])}


def work(run: Run, config: Config) -> int:
    """Run the task and record how it ended."""
    tasks = {
        "train": train,
        "validate": validate,
        "predict": predict,
        "export": export,
        "inspect": inspect,
        "calibrate": calibrate,
    }
    quieten()
    torch.set_num_threads(config["trainer"]["threads"] or torch.get_num_threads())
    try:
        tasks[config["task"]](run, config)
    except (LaunchError, InstantiationException, MisconfigurationException) as error:
        return ended(run, config, readable(error))
    except Stopped:
        return ended(run, config, PreemptedError(run.record.get("iteration", 0)))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in storage.STORAGE:
            return ended(run, config, storage.explained(error))
        if LIGHTNINGS not in traceback.extract_tb(error.__traceback__)[-1].filename:
            traceback.print_exc()
        return ended(run, config, LaunchError(f"{type(error).__name__}: {error}"))
    return 0


def ended(run: Run, config: Config, error: LaunchError) -> int:
    """Record an early end; the last checkpoint stands."""
    status = "interrupted" if error.exit_code == 143 else "failed"
    if rank() == 0:
        with storage.optional("run.json"):
            at = {"iteration": error.iteration} if isinstance(error, PreemptedError) else {}
            run.finish(status, error=error.message, signal=requests.name, **at)
        print(error.message if status == "interrupted" else f"error: {error.message}", flush=True)
        if config.get("debug"):
            traceback.print_exc()
    return error.exit_code


# Tasks


def train(run: Run, config: Config) -> None:
    data = build_data(config)
    module = build_module(config)
    resume = resumable(run)
    if config["from"]:
        load_weights(module, resume or Path(config["from"]))
    if resume is not None:
        restore_counters(module, resume)
    trainer, checkpoints = build_trainer(run, config, module)
    prepare_stream(module, data, trainer.world_size, config["trainer"])
    if config["trainer"]["validate_every"] is None:
        validate_each_epoch(trainer, module)
    stream = Stream(data.fingerprint(), data.batch_size * trainer.world_size)
    if resume is not None:
        stream.require_accepted(run, config.get("accept") or ())
    if trainer.is_global_zero:
        updates_per_epoch = module.batches_per_epoch / module.accumulate
        described = describe_data(config, data)
        standing = {"iteration": module.iteration, "stream": asdict(stream)}
        run.note("train", **standing, data=described, updates_per_epoch=updates_per_epoch)
    if data.first_batch < data.last_batch:
        trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    elif resume is not None:
        load_weights(module, resume, with_state=True)
        module.on_load_checkpoint(read(resume))  # what the last validation is to tell
        checkpoints.restore(resume)
    final_validation(trainer, module, data, checkpoints)
    if trainer.is_global_zero:
        conclude(run, config, module, checkpoints)


def validate(run: Run, config: Config) -> None:
    data = build_data(config)
    module = build_module(config)
    load_weights(module, Path(config["from"]), with_state=True)
    trainer, _ = build_trainer(run, config, module)
    trainer.validate(module, datamodule=data, verbose=False)
    report = describe_data(config, data)
    run.finish("completed", iteration=module.iteration, metrics=module.metrics, data=report)


def predict(run: Run, config: Config) -> None:
    module = build_module(config | {"losses": {}, "masks": []})
    load_weights(module, Path(config["from"]), with_state=True)
    module.to(device(config)).eval()
    chosen = config.get("predict") or {}
    known = signature(module.predict).parameters
    judges_itself = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known.values())
    for name in () if judges_itself else chosen.keys() - known.keys():
        guess = nearest(name, known)
        raise ConfigError(f"predict.{name}: {type(module).__name__} has no such choice.{guess}")
    with torch.inference_mode():
        metrics = module.predict(Path(config["input"]), Path(config["output"]), **chosen)
    run.finish("completed", iteration=module.iteration, metrics=metrics)


def export(run: Run, config: Config) -> None:
    """The weights for other programs, and whatever else a recipe can write for them."""
    module = build_module(config | {"losses": {}, "masks": []})
    load_weights(module, Path(config["from"]), with_state=True)
    folder = Path(config["output"] or run.folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(module, folder / f"{module.weights_name}.safetensors")
    metrics = module.eval().export(folder)
    print(f"exported to {folder}", flush=True)
    run.finish("completed", iteration=module.iteration, metrics=metrics)


def inspect(run: Run, config: Config) -> None:
    """What the data is, how it is read, and what is left out; with a contact sheet."""
    lines = build_data(config).inspect(run.folder)
    print("\n".join(lines), flush=True)
    run.finish("completed", found=lines)


def calibrate(run: Run, config: Config) -> None:
    """What a recipe finds out about its data before training on it."""
    data = build_data(config)
    module = build_module(config)
    prepare_stream(module, data, 1, config["trainer"])
    metrics = module.to(device(config)).calibration(data, run.folder)
    run.finish("completed", metrics=metrics, data=describe_data(config, data))


def device(config: Config) -> str:
    """Where to work outside a trainer."""
    accelerator = config["trainer"]["accelerator"]
    found = accelerator == "auto" and torch.cuda.is_available()
    return "cuda" if found or accelerator in ("gpu", "cuda") else "cpu"


# The end of a run


def final_validation(
    trainer: pl.Trainer,
    module: ScheduledModule,
    data: ScheduledDataModule,
    checkpoints: Checkpoints,
) -> None:
    """Validate the last iteration, unless it was due and made."""
    if data.validation_set is None or module.iteration == module.validated:
        return
    trainer.validate(module, datamodule=data, verbose=False)
    log_validation(trainer, module)
    for logger in trainer.loggers:
        logger.save()
    checkpoints.offer_last(trainer, module)


def conclude(run: Run, config: Config, module: ScheduledModule, checkpoints: Checkpoints) -> None:
    """Record the result, and leave the weights of the best checkpoint for other programs."""
    found = {"metrics": module.metrics, "training_metrics": module.training_metrics}
    result = {"iteration": module.iteration, **found}
    weights = run.folder / f"{module.weights_name}.safetensors"
    if config["trainer"]["strategy"] == SHARDED:
        module = build_module(config)  # a whole one
    load_weights(module, run.checkpoint, with_state=True)
    save_weights(module, weights)
    if not config["trainer"].get("keep_optimizer", True):
        keep_weights_alone(run)
    run.finish("completed", best=best(checkpoints), **result)


def best(checkpoints: Checkpoints) -> dict[str, Any] | None:
    """Iteration, value, metrics and checksum of the best checkpoint."""
    path = checkpoints.run.best
    if not path.is_file():
        return None
    return {
        "iteration": checkpoints.best_iteration,
        "value": checkpoints.sign * checkpoints.best,
        "metrics": checkpoints.best_metrics,
        "sha256": sha256(path),
    }


def describe_data(config: Config, data: ScheduledDataModule) -> dict[str, Any]:
    target = config["data"]["_target_"].rsplit(".", 1)[-1]
    return {"name": target, "fingerprint": data.fingerprint(), **data.report()}


# The process


def quieten() -> None:
    """Warnings in one line each, without advertisements and what does not concern the user."""
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for pattern in (
        ".*does not have many workers.*",
        ".*`isinstance.treespec, LeafSpec.` is deprecated.*",
        ".*smaller than the logging interval.*",
        ".*in eval mode at the start of training.*",
        ".*`srun` command is available.*",
    ):
        warnings.filterwarnings("ignore", pattern)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
