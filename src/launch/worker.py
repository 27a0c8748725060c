"""`python -m launch.worker RUN_DIR`: does what RUN_DIR/config.yaml says.

The worker never composes a configuration, so that it can be started as a plain process, as a
distributed rank or by a cluster's scheduler, and again to resume.
"""

import logging
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
import yaml
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.pytorch.loggers.logger import Logger
from safetensors.torch import save_file

from launch import objective, trainable_parts
from launch.callbacks.checkpoints import Checkpoints
from launch.callbacks.ema_update import EMAUpdate
from launch.callbacks.health import Health
from launch.callbacks.image_panels import ImagePanels
from launch.callbacks.loss_schedule import LossSchedule
from launch.callbacks.mask_schedule import MaskSchedule
from launch.callbacks.progress import ProgressBar
from launch.callbacks.step_log import StepLog, log_validation
from launch.data import ScheduledDataModule
from launch.errors import ConfigError, LaunchError, nearest
from launch.masks.build import build as build_masks
from launch.masks.scheduled import check_losses
from launch.metrics_csv import MetricsCSV
from launch.module import ScheduledModule
from launch.run import Run, sha256

Config = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Run the task of one run folder; returns the exit code."""
    run = Run(Path(arguments[0]))
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    if rank() > 0:
        return work(run, config)
    with run.lock():
        return work(run, config)


def work(run: Run, config: Config) -> int:
    """Run the task and record how it ended."""
    tasks = {"train": train, "validate": validate, "predict": predict}
    quieten()
    torch.set_num_threads(config["trainer"]["threads"] or torch.get_num_threads())
    try:
        tasks[config["task"]](run, config)
    except (LaunchError, InstantiationException) as error:
        return ended(run, config, readable(error))
    except Exception as error:
        traceback.print_exc()
        return ended(run, config, LaunchError(f"{type(error).__name__}: {error}"))
    return 0


def ended(run: Run, config: Config, error: LaunchError) -> int:
    """Record an early end; the last checkpoint stands."""
    status = "interrupted" if error.exit_code == 143 else "failed"
    if rank() == 0:
        run.finish(status, error=error.message)
        print(error.message if status == "interrupted" else f"error: {error.message}", flush=True)
        if config.get("debug"):
            traceback.print_exc()
    return error.exit_code


def readable(error: Exception) -> LaunchError:
    """The user's error inside Hydra's wrapping, or the wrapping itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, LaunchError):
            return cause
        cause = cause.__cause__
    return ConfigError(str(error.__cause__ or error))


# Tasks


def train(run: Run, config: Config) -> None:
    data = build_data(config)
    module = build_module(config)
    if config["from"]:
        load_weights(module, Path(config["from"]))
    resume = run.last if run.last.is_file() else None
    if resume is not None:
        restore_counters(module, resume)
    trainer, checkpoints = build_trainer(run, config, module)
    prepare_stream(module, data, trainer.world_size, config["trainer"])
    if trainer.is_global_zero:
        run.update(data=describe_data(config, data))
    if data.first_batch < data.last_batch:
        trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    final_validation(trainer, module, data, checkpoints)
    if trainer.is_global_zero:
        conclude(run, module, checkpoints)


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
    device = "cuda" if config["trainer"]["accelerator"] == "gpu" else "cpu"
    module.to(device).eval()
    with torch.inference_mode():
        metrics = module.predict(Path(config["input"]), Path(config["output"]))
    run.finish("completed", iteration=module.iteration, metrics=metrics)


# Building


def build_module(config: Config) -> ScheduledModule:
    """The recipe with its objective, masks, averages and trainable parts in place."""
    losses = objective.build(config["losses"])
    factory = instantiate(config["module"], _partial_=True, _convert_="all")
    module: ScheduledModule = factory(losses=losses)
    settings = config["trainer"]
    module.seed, module.accumulate = config["seed"], settings["accumulate"]
    module.gradient_clip = settings["gradient_clip"]
    if config["masks"]:
        module.scheduled_masks = build_masks(config["masks"])
    honours = {name: term.honours_masks for name, term in losses.terms.items()}
    check_losses(module.scheduled_masks.masks, honours)
    trainable_parts.apply(module, **(config["trainable"] or {}))
    if config["ema"]:
        module.average(**config["ema"])
    return module


def build_data(config: Config) -> ScheduledDataModule:
    data: ScheduledDataModule = instantiate(config["data"], _convert_="all")
    data.seed = config["seed"]
    return data


def restore_counters(module: ScheduledModule, checkpoint: Path) -> None:
    content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    module.iteration, module.batches = content["iteration"], content["batches"]


def prepare_stream(
    module: ScheduledModule, data: ScheduledDataModule, ranks: int, settings: Config
) -> None:
    """Tell module and data how long the run is and where it stands."""
    data.ranks = ranks
    data.setup("fit")
    module.batches_per_epoch = data.batches_per_epoch
    epochs = -(-(settings["max_epochs"] or 0) * data.batches_per_epoch // module.accumulate)
    module.iterations = settings["max_iterations"] or epochs
    data.first_batch, data.last_batch = module.batches, module.iterations * module.accumulate


def build_trainer(
    run: Run, config: Config, module: ScheduledModule
) -> tuple[pl.Trainer, Checkpoints]:
    """One Lightning epoch is the whole run; see `StreamSampler`."""
    settings = config["trainer"]
    main_metric = config["main_metric"] or {"name": None, "mode": "max"}
    folder = run.folder / "checkpoints"
    folder.mkdir(exist_ok=True)
    checkpoints = Checkpoints(
        folder, settings["checkpoint_every"], main_metric["name"], main_metric["mode"]
    )
    step_log = StepLog(settings["log_every"])
    callbacks: list[pl.Callback] = [
        LossSchedule(),
        MaskSchedule(settings["mask_every"]),
        EMAUpdate(),
        Health(settings["log_every"]),
        step_log,
        checkpoints,
        ImagePanels(run.folder / "images", settings["image_every"]),
        RunRecord(run, settings["checkpoint_every"]),
        ProgressBar(step_log),
    ]
    automatic = module.automatic_optimization
    trainer = pl.Trainer(
        accelerator=settings["accelerator"],
        devices=settings["devices"],
        strategy=settings["strategy"],
        precision=settings["precision"],
        max_epochs=1,
        accumulate_grad_batches=module.accumulate if automatic else 1,
        gradient_clip_val=module.gradient_clip if automatic else None,
        val_check_interval=settings["validate_every"] * module.accumulate,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        logger=build_loggers(run, config, module),
        callbacks=callbacks,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=run.folder,
    )
    return trainer, checkpoints


def build_loggers(run: Run, config: Config, module: ScheduledModule) -> list[Logger]:
    """`metrics.csv` always, and those of `logger:`."""
    extra = instantiate(list((config["logger"] or {}).values()), _convert_="all")
    return [MetricsCSV(run.folder / "metrics.csv", module.iteration), *extra]


class RunRecord(pl.Callback):
    """Keeps `run.json` up to date: the iteration now and then, the metrics of every validation."""

    def __init__(self, run: Run, every: int) -> None:
        self.run, self.every = run, every

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validations stay aligned with the iteration after a resume."""
        assert isinstance(pl_module, ScheduledModule)
        trainer.fit_loop.epoch_loop.batch_progress.total.ready = pl_module.batches

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, ScheduledModule)
        if trainer.is_global_zero and pl_module.iteration % self.every == 0:
            self.run.update(iteration=pl_module.iteration)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, ScheduledModule)
        if trainer.is_global_zero:
            self.run.update(iteration=pl_module.iteration, metrics=pl_module.metrics)


def load_weights(module: ScheduledModule, checkpoint: Path, with_state: bool = False) -> None:
    """Load the weights of a checkpoint, and with `with_state` its counters and averages.

    Without state the iteration stays 0 and the averages start from the loaded weights.

    Raises:
        ConfigError: if the checkpoint is of another architecture, naming what differs.
    """
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    saved, wanted = weights_of(content["state_dict"]), weights_of(module.state_dict())
    if not with_state:
        saved = {k: v for k, v in saved.items() if not k.startswith("ema.")}
        averages = {n: k for n in wanted if n.startswith("ema.") and (k := n[4:]) in saved}
        saved |= {name: saved[source] for name, source in averages.items()}
    differing = [k for k in wanted if k not in saved or saved[k].shape != wanted[k].shape]
    if differing:
        raise ConfigError(mismatch(checkpoint, differing, saved, wanted))
    module.load_state_dict({k: saved[k] for k in wanted}, strict=False)
    if with_state:
        module.iteration, module.batches = content["iteration"], content["batches"]


def weights_of(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of a state dict that are not the losses'."""
    tensors = {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
    return {k: v for k, v in tensors.items() if not k.startswith("losses.")}


def mismatch(
    checkpoint: Path, differing: list[str], saved: dict[str, Any], wanted: dict[str, Any]
) -> str:
    """Says how a checkpoint differs from the network, with the first few tensors."""
    lines = []
    for name in differing[:4]:
        got = tuple(saved[name].shape) if name in saved else "nothing" + nearest(name, saved)
        lines.append(f"  {name}: the network has {tuple(wanted[name].shape)}, the file {got}")
    return (
        f"{checkpoint} is of another architecture: {len(differing)} of {len(wanted)} tensors "
        "do not fit.\n" + "\n".join(lines) + "\nGive the module settings it was trained with."
    )


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
    checkpoints.offer(trainer, module)


def conclude(run: Run, module: ScheduledModule, checkpoints: Checkpoints) -> None:
    """Record the result, and leave the weights of the best checkpoint for other programs."""
    result = {"iteration": module.iteration, "metrics": module.metrics}
    load_weights(module, run.checkpoint, with_state=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in module.weights().items()}
    partial = run.folder / "weights.partial"
    save_file(tensors, partial)
    partial.replace(run.folder / "weights.safetensors")
    run.finish("completed", best=best(checkpoints), **result)


def best(checkpoints: Checkpoints) -> dict[str, Any] | None:
    """Iteration, value and checksum of the best checkpoint."""
    path = checkpoints.folder / "best.ckpt"
    if not path.is_file():
        return None
    value = checkpoints.sign * checkpoints.best
    return {"iteration": checkpoints.best_iteration, "value": value, "sha256": sha256(path)}


def describe_data(config: Config, data: ScheduledDataModule) -> dict[str, Any]:
    target = config["data"]["_target_"].rsplit(".", 1)[-1]
    return {"name": target, "fingerprint": data.fingerprint(), **data.report()}


# The process


def rank() -> int:
    return int(os.environ.get("LOCAL_RANK", 0)) or int(os.environ.get("SLURM_PROCID", 0))


def quieten() -> None:
    """Leave out the advertisements and the remarks that do not concern the user."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for pattern in (
        ".*does not have many workers.*",
        ".*`isinstance.treespec, LeafSpec.` is deprecated.*",
        ".*No `.*dataloader.*` is defined.*",
    ):
        warnings.filterwarnings("ignore", pattern)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
