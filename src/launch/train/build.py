"""Builds what a run's configuration describes. The one place that instantiates."""

import warnings
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import lightning.pytorch as pl
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.plugins.precision import MixedPrecision
from lightning.pytorch.profilers import PassThroughProfiler
from torch import nn
from torch.amp.grad_scaler import GradScaler

from launch.errors import ConfigError, LaunchError
from launch.masks.build import build as build_masks
from launch.masks.scheduled import check_losses
from launch.record.run import Run
from launch.trackers.tracker import Identity, only_warning, settings_of
from launch.train import acceleration, checkpoint_files, objective, trainable_parts
from launch.train.callbacks.checkpoints import Checkpoints
from launch.train.callbacks.ema_update import EMAUpdate
from launch.train.callbacks.health import Health
from launch.train.callbacks.image_panels import ImagePanels
from launch.train.callbacks.loss_schedule import LossSchedule
from launch.train.callbacks.mask_schedule import MaskSchedule
from launch.train.callbacks.progress import ProgressBar
from launch.train.callbacks.run_record import RunRecord
from launch.train.callbacks.step_log import StepLog
from launch.train.data import ScheduledDataModule
from launch.train.metrics_csv import MetricsCSV
from launch.train.module import ScheduledModule

Config = dict[str, Any]
Kind = TypeVar("Kind")


def build_module(config: Config) -> ScheduledModule:
    """The recipe with its objective, masks, averages and trainable parts in place."""
    torch.manual_seed(config["seed"])
    losses = objective.build(config["losses"])
    factory = instantiate(config["module"], _partial_=True, _convert_="all")
    module = of_kind(ScheduledModule, factory(losses=losses), "module")
    require_optimizers(module)
    settings = config["trainer"]
    module.seed, module.accumulate = config["seed"], settings["accumulate"]
    module.gradient_clip = settings["gradient_clip"]
    if config.get("masks"):
        module.scheduled_masks = build_masks(config["masks"])
    honours = {name: term.honours_masks for name, term in losses.terms.items()}
    check_losses(module.scheduled_masks.masks, honours)
    trainable_parts.apply(module, **(config.get("trainable") or {}))
    if config.get("ema"):
        module.average(**config["ema"])
    acceleration.prepare_module(module, settings)
    return module


def of_kind(kind: type[Kind], built: Any, key: str) -> Kind:
    """
    Raises:
        ConfigError: if a configuration names a class of another kind.
    """
    if not isinstance(built, kind):
        base = f"{kind.__module__}.{kind.__name__}"
        raise ConfigError(f"{key}: {type(built).__name__} is no {kind.__name__}; inherit {base}")
    return built


def require_optimizers(module: ScheduledModule) -> None:
    """
    Raises:
        ConfigError: for a setting that torch refuses, such as betas beyond 1.
    """
    for name, factory in vars(module).items():
        if name.endswith("optimizer") and isinstance(factory, partial):
            try:
                factory([nn.Parameter(torch.zeros(1))])
            except ValueError as error:
                raise ConfigError(f"module.{name}: {error}") from error


def build_data(config: Config) -> ScheduledDataModule:
    torch.manual_seed(config["seed"])  # of a teacher that nobody has trained
    data = of_kind(ScheduledDataModule, instantiate(config["data"], _convert_="all"), "data")
    data.seed, data.prefetch = config["seed"], config["trainer"].get("prefetch", 2)
    data.loader_timeout = config["trainer"].get("loader_timeout", 0)
    return data


def readable(error: Exception) -> LaunchError:
    """The user's error inside Hydra's wrapping, or the wrapping itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, LaunchError):
            return cause
        cause = cause.__cause__
    return ConfigError(str(error.__cause__ or error))


def restore_counters(module: ScheduledModule, checkpoint: Path) -> None:
    module.stand(checkpoint_files.read(checkpoint))


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


def validate_each_epoch(trainer: pl.Trainer, module: ScheduledModule) -> None:
    """Validate whenever the data has been passed once, to the nearest update."""
    updates = max(1, round(module.batches_per_epoch / module.accumulate))
    trainer.val_check_interval = updates * module.accumulate


def build_trainer(
    run: Run, config: Config, module: ScheduledModule
) -> tuple[pl.Trainer, Checkpoints]:
    """One Lightning epoch is the whole run; see `StreamSampler`."""
    settings = config["trainer"]
    main_metric = config.get("main_metric") or {"name": None, "mode": "max"}
    checkpoints = Checkpoints(
        run, settings["checkpoint_every"], main_metric["name"], main_metric["mode"]
    )
    callbacks = built_callbacks(run, config, module, checkpoints)
    automatic = module.automatic_optimization
    acceleration.prepare_device(settings)
    trainer = pl.Trainer(
        accelerator=settings["accelerator"],
        devices=settings["devices"],
        num_nodes=settings.get("num_nodes", 1),
        strategy=acceleration.strategy(settings),
        precision=acceleration.precision(settings["precision"]),  # type: ignore[arg-type]
        max_epochs=1,
        accumulate_grad_batches=module.accumulate if automatic else 1,
        gradient_clip_val=module.gradient_clip if automatic else None,
        val_check_interval=(settings["validate_every"] or 1) * module.accumulate,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        logger=build_loggers(run, config, module),
        callbacks=callbacks,
        plugins=[checkpoint_files.CheckpointFiles(run)],
        use_distributed_sampler=False,
        enable_checkpointing=any(isinstance(c, Checkpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=run.folder,
        profiler=acceleration.profiler(settings, run.folder) or Unprofiled(),
    )
    # Signals are those of `launch.record.stopping`; Lightning's handler ends a run without saving.
    trainer._signal_connector.register_signal_handlers = lambda: None
    if not automatic and isinstance(trainer.precision_plugin, MixedPrecision):
        hand_over_scaling(trainer.precision_plugin, module)
    return trainer, checkpoints


def built_callbacks(
    run: Run, config: Config, module: ScheduledModule, checkpoints: Checkpoints
) -> list[pl.Callback]:
    """The launcher's in the order in which they need one another, then those of `callbacks:`."""
    settings = config["trainer"]
    step_log = StepLog(settings["log_every"])
    own = instantiate(config.get("callbacks") or {}, _convert_="all")
    if settings["mask_every"] > 1 and not module.scheduled_masks.masks:
        message = f"trainer.mask_every={settings['mask_every']} does nothing: this run has no masks"
        warnings.warn(message, stacklevel=2)
    return [
        LossSchedule(),
        *([MaskSchedule(settings["mask_every"])] if module.scheduled_masks.masks else []),
        EMAUpdate(),
        Health(settings["log_every"]),
        step_log,
        checkpoints,
        ImagePanels(run.folder / "images", settings["image_every"]),
        RunRecord(run),
        ProgressBar(step_log, run.name),
        *(of_kind(pl.Callback, callback, f"callbacks.{name}") for name, callback in own.items()),
    ]


def hand_over_scaling(plugin: MixedPrecision, module: ScheduledModule) -> None:
    """Lightning has one scaler for all optimizers; a recipe that steps by itself has one each."""
    if plugin.scaler is not None:
        plugin.scaler = None
        module.make_scaler = partial(GradScaler, plugin.device)


class Unprofiled(PassThroughProfiler):
    """Lightning's default, which also measures nothing, makes 80 generators a step."""

    nothing = nullcontext()

    def profile(self, action_name: str) -> Any:
        return self.nothing


def build_loggers(run: Run, config: Config, module: ScheduledModule) -> list[Logger]:
    """`metrics.csv` always, and those of `logger:`: trackers, or Lightning's as they are.

    One that asks for a folder and names none writes into the run's.
    """
    placed = {
        name: node
        | ({"save_dir": str(run.folder / name)} if node.get("save_dir", "") is None else {})
        for name, node in (config.get("logger") or {}).items()
    }
    nodes = instantiate(list(placed.values()), _convert_="all")
    identity, settings = Identity.of(run), settings_of(config)
    extra = [
        node if isinstance(node, Logger) else node.open(identity, settings, module.iteration)
        for node in nodes
    ]
    logged = MetricsCSV(run.folder / "metrics.csv", module.iteration)
    return [logged, *map(only_warning, extra)]
