"""ScheduledModule: the iteration counter and the slots that the shared callbacks write."""

import copy
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import get_ema_multi_avg_fn

from launch.errors import ConfigError, nearest
from launch.masks.scheduled import ScheduledMasks
from launch.tools import ranks
from launch.train import learning_rate
from launch.train.objective import ScheduledLosses

NORMS = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.LayerNorm,
    nn.GroupNorm,
)
TERM_NAMESPACES = ("loss", "weight", "weighted")
NAMESPACES = (*TERM_NAMESPACES, "training", "health", "iteration")
OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
SchedulerFactory = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


class ScheduledModule(pl.LightningModule):
    """A recipe: what is computed, while callbacks write when and how much.

    Attributes:
        iteration: completed updates of the main optimizer (the first that `configure_optimizers`
            returns), advanced by a hook on that optimizer and saved in checkpoints.
        batches: completed training batches; `iteration * accumulate` between two updates.
        epoch: completed passes over the training data.
        losses: the objective. Slot of `LossSchedule`.
        scheduled_masks: the masks of this iteration. Slot of `MaskSchedule`.
        ema: averaged copies of the sub-modules named by `ema.modules`. Slot of `EMAUpdate`.
        logged: whether the step log reads what this batch records; what is costly and only for the
            log may be left out of other batches. Slot of `StepLog`.
        weights_name: of the file of exported weights, without its suffix.
        metrics, validated: what the latest validation found, and its iteration.
        make_scaler: makes a scaler of gradients in float16, where the recipe steps by itself.
        scalers: one for each optimizer then, otherwise none.
        looks_inside: whether it calls parts of a network, which `fsdp2` then cannot make whole.
        seed, accumulate, gradient_clip, batches_per_epoch, iterations: settings of the run.
    """

    looks_inside = False

    def __init__(
        self,
        losses: ScheduledLosses,
        optimizer: OptimizerFactory | None = None,
        lr_scheduler: SchedulerFactory | None = None,
    ) -> None:
        super().__init__()
        self.losses = losses
        self.optimizer, self.lr_scheduler = optimizer, lr_scheduler
        self.scheduled_masks = ScheduledMasks()
        self.panel: list[np.ndarray] = []
        self.ema = nn.ModuleDict()
        self.ema_decay = 0.0
        self.ema_warmup = True
        self._averaged: list[tuple[list[Tensor], ...]] = []
        self.iteration = 0
        self.batches = 0
        self.batches_per_epoch = 1
        self.iterations = 0
        self.validated = -1
        self.seed = 0
        self.accumulate = 1
        self.gradient_clip: float | None = None
        self.logged = True
        self.weights_name = "weights"
        self.recorded: dict[str, Tensor | float] = {}
        self.metrics: dict[str, float] = {}
        self.training_metrics: dict[str, float] = {}
        self.make_scaler: Callable[[], GradScaler] | None = None
        self.scalers: list[GradScaler] = []
        self._scaler_states: list[dict[str, Any]] = []
        self._written: dict[str, list[Any]] | None = None

    @property
    def epoch(self) -> int:
        return self.batches // self.batches_per_epoch

    # What a recipe may override

    def mask_state(self, batch: Any) -> dict[str, Any]:
        """What mask generators may read: `size` (H, W), `device`, and the state of the recipe.

        `batch` is None before a validation; an empty dict leaves the masks as they are.
        """
        return {}

    def health(self) -> list[str]:
        """Warnings about the state of the training, one sentence each."""
        return []

    def image_panel(self) -> list[np.ndarray]:
        """Rows of the picture drawn after a validation, each (H, W, 3) uint8."""
        return self.panel

    def weights(self) -> dict[str, Tensor]:
        """The tensors of `{weights_name}.safetensors`, which other programs load."""
        return {name: v for name, v in self.state_dict().items() if isinstance(v, Tensor)}

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Make the parts whose shapes only data or a checkpoint tell, from its state dict."""

    def predict(self, source: Any, destination: Any) -> dict[str, float]:
        """Apply the model to the files under `source`; returns counts and metrics for run.json."""
        raise ConfigError(
            f"{type(self).__name__} has no task=predict; write its predict(source, destination)"
        )

    def export(self, folder: Path) -> dict[str, float]:
        """Write what other programs load, beside the weights; returns figures for run.json."""
        return {}

    def calibration(self, data: Any, folder: Path) -> dict[str, float]:
        """What `task=calibrate` finds out about the data; pictures go into the folder."""
        raise ConfigError(
            f"{type(self).__name__} has no task=calibrate; write its calibration(data, folder)"
        )

    # What a recipe calls

    def record(self, **values: Tensor | float) -> None:
        """Hand values to the step log, which reads tensors at the next logged iteration only.

        Their columns are `training/NAME`; a name with a slash is used as it is.

        Raises:
            ConfigError: if a name belongs to the loss terms.
        """
        taken = [name for name in values if name.split("/")[0] in TERM_NAMESPACES]
        if taken:
            raise ConfigError(f"{taken[0]}: columns of loss terms cannot be recorded")
        self.recorded |= {k: v.detach() if isinstance(v, Tensor) else v for k, v in values.items()}

    def log_metrics(
        self, metrics: Mapping[str, float], training: Mapping[str, float] | None = None
    ) -> None:
        """Report unweighted validation metrics under exactly these names.

        Args:
            metrics: of the weights as they are now: `task=validate` gives them again.
            training: what only a validation within a training can tell.

        Raises:
            ConfigError: if a name is one of the columns of training.
        """
        taken = [n for n in [*metrics, *(training or {})] if n.lower().split("/")[0] in NAMESPACES]
        if taken:
            raise ConfigError(
                f"validation metric {taken[0]!r}: {', '.join(NAMESPACES)} are names of the "
                "training's columns in metrics.csv; give it another"
            )
        values = {name: float(value) for name, value in metrics.items()}
        self.metrics |= values
        self.training_metrics |= {n: float(value) for n, value in (training or {}).items()}
        self.validated = self.iteration
        if self._trainer is not None:  # where EarlyStopping and its like look
            found = {name: torch.tensor(value) for name, value in values.items()}
            self._trainer.callback_metrics.update(found)

    def evaluated(self, name: str) -> nn.Module:
        """The averaged copy of a sub-module if there is one, else the sub-module itself."""
        return self.ema[name] if name in self.ema else self.get_submodule(name)

    # The weights EMA

    def average(self, modules: list[str], decay: float, warmup: bool = True) -> None:
        """Keep an exponential moving average of the named sub-modules in `ema`.

        Raises:
            ConfigError: if there is no such sub-module.
        """
        children = dict(self.named_children())
        for name in modules:
            if name not in children:
                raise ConfigError(
                    f"ema.modules: {type(self).__name__} has no sub-module {name!r}."
                    f"{nearest(name, children)}"
                )
            self.ema[name] = copy.deepcopy(children[name]).requires_grad_(False).eval()
        self.ema_decay, self.ema_warmup = decay, warmup

    @torch.no_grad()
    def update_ema(self) -> None:
        """ema = decay * ema + (1 - decay) * weights; buffers are copied.

        With warm-up the decay of iteration i is min(decay, (1 + i) / (10 + i)), so that the first
        averages are not held back by the random initialisation.
        """
        i = self.iteration
        decay = min(self.ema_decay, (1 + i) / (10 + i)) if self.ema_warmup else self.ema_decay
        update = get_ema_multi_avg_fn(decay)
        self._averaged = self._averaged or [self._tensors(name) for name in self.ema]
        for averages, values, kept, buffers in self._averaged:
            update(averages, values, 0)
            for old, new in zip(kept, buffers, strict=True):
                old.copy_(new)

    def _tensors(self, name: str) -> tuple[list[Tensor], ...]:
        """Parameters of the average and of its source, then their buffers.

        Kept while training, since finding them costs as much as averaging.
        """
        pair = self.ema[name], self.get_submodule(name)
        return *(list(m.parameters()) for m in pair), *(list(m.buffers()) for m in pair)

    # Training

    def configure_model(self) -> None:
        """Share the networks and their averages among the ranks, if `fsdp2` has set up any."""
        if self.device_mesh is not None:
            from launch.train import sharding  # noqa: PLC0415 - slow to import

            sharding.shard(self, self.ema)

    def configure_optimizers(self) -> Any:
        """The configured optimizer over the trainable parameters, and its schedule per iteration.

        Averaged copies are not trained.
        """
        if self.optimizer is None:
            raise ConfigError("module.optimizer is not configured")
        optimizer = self.optimizer(self.trainable_parameters())
        if self.lr_scheduler is None:
            return [optimizer]
        scheduler = learning_rate.scheduled(self.lr_scheduler, optimizer)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def trainable_parameters(self) -> list[nn.Parameter]:
        """Parameters that require gradients; averaged copies do not."""
        return [p for p in self.parameters() if p.requires_grad]

    def descend(self, total: Tensor) -> None:
        """For recipes without automatic optimisation: backward, and the update when it is due."""
        self.add_gradients(total)
        if self.ends_update:
            self.update()

    def add_gradients(self, total: Tensor, player: int = 0) -> None:
        """Backward of one micro-batch, for the optimizer of that number."""
        share = total / self.accumulate if self.accumulate > 1 else total
        if self.scalers:
            share = self.scalers[player].scale(share)
        if self.device.type == "cpu" and self.trainer.world_size == 1:
            share.backward()  # Lightning's way serves several processes
        else:
            self.manual_backward(share)

    @property
    def ends_update(self) -> bool:
        """Whether this batch is the last of those whose gradients are accumulated."""
        return (self.batches + 1) % self.accumulate == 0

    def update(self) -> None:
        """Step the main optimizer, then the schedules of all learning rates."""
        self.step()
        schedulers = self.lr_schedulers() or []
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            cast(LRScheduler, scheduler).step()

    def step(self, player: int = 0) -> None:
        """Clip the gradients of one optimizer, step it and clear them.

        In float16 each optimizer has a scaler of its own: one that all share would unscale by
        another factor than it scaled by, once the first of them has moved it. An update that
        overflows is left out, and counts.
        """
        optimizers = self.optimizers()
        optimizer = optimizers[player] if isinstance(optimizers, list) else optimizers
        if self.scalers:
            self.scalers[player].unscale_(optimizer.optimizer)
        if self.gradient_clip:
            self.clip_gradients(optimizer.optimizer, self.gradient_clip)
        if self.scalers:
            before = self.iteration
            self.scalers[player].step(optimizer.optimizer)
            self.scalers[player].update()
            self.iteration = before + 1 if player == 0 else before
        else:
            optimizer.step()
        optimizer.zero_grad()

    def clip_gradients(
        self, optimizer: Any, gradient_clip_val: Any = None, gradient_clip_algorithm: Any = None
    ) -> None:
        """By their norm; Lightning's own refuses fused optimizers in bfloat16 as in float16."""
        if gradient_clip_val:
            self.trainer.precision_plugin.clip_grad_by_norm(optimizer, gradient_clip_val)

    def train(self, mode: bool = True) -> "ScheduledModule":
        """As in torch, but what has parameters and trains none of them stays in evaluation mode."""
        super().train(mode)
        _, *parts = self.modules()
        for part in filter(stands_still, parts):
            part.eval()
        return self

    def on_train_start(self) -> None:
        self._averaged = []  # the device may have changed
        optimizers = self.trainer.optimizers
        if self.make_scaler is not None:
            self.scalers = [self.make_scaler() for _ in optimizers]
            for scaler, state in zip(self.scalers, self._scaler_states, strict=False):
                scaler.load_state_dict(state)
        if self._written is not None:
            schedulers = [c.scheduler for c in self.trainer.lr_scheduler_configs]
            configured = self.configure_optimizers()
            changes = learning_rate.reassert(
                optimizers, cast(list[LRScheduler], schedulers), configured, self._written
            )
            if changes and self.global_rank == 0:
                print(f"other settings than before: {'; '.join(changes)}", flush=True)
            self._written = None
        by_hand, configured = not self.automatic_optimization, self.trainer.lr_scheduler_configs
        each_step = [c.scheduler for c in configured if by_hand or c.interval == "step"]
        learning_rate.require_long_enough(cast(list[LRScheduler], each_step), self.iterations)
        optimizers[0].register_step_post_hook(self._completed_update)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Random numbers depend on the batch, not on how the process got there."""
        seed, own = (hash((self.seed, self.batches, rank)) & 0x7FFF_FFFF
                     for rank in (0, self.global_rank))  # fmt: skip
        ranks.begin(seed)
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(own)  # torch's own reseeding costs 1 ms here
        else:
            torch.manual_seed(own)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        ranks.end()
        self.batches += 1

    def _completed_update(self, *_: Any) -> None:
        self.iteration += 1

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Counters instead of Lightning's loops; frozen backbones of losses are left out.

        The configured hyper-parameters stand beside the optimizers' state, so that a run that is
        resumed with others knows.
        """
        counters = {
            "iteration": self.iteration,
            "batches": self.batches,
            "accumulate": self.accumulate,
            "batches_per_epoch": self.batches_per_epoch,
            "iterations": self.iterations,
        }
        if checkpoint.get("optimizer_states"):
            configured = self.configure_optimizers()
            checkpoint["configured"] = learning_rate.hyper_parameters(configured)
        checkpoint["scalers"] = [scaler.state_dict() for scaler in self.scalers]
        checkpoint |= counters | {"global_step": self.iteration}
        checkpoint.pop("loops", None)
        for name in self._frozen_loss_state():
            checkpoint["state_dict"].pop(name, None)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.stand(checkpoint)
        self._written = checkpoint.get("configured")
        self._scaler_states = checkpoint.get("scalers", [])
        checkpoint["state_dict"] = self._frozen_loss_state() | checkpoint["state_dict"]

    def stand(self, checkpoint: dict[str, Any]) -> None:
        """Count on from a checkpoint, whose updates may have been of another number of batches."""
        self.iteration = checkpoint["iteration"]
        before = checkpoint.get("accumulate", self.accumulate)
        self.batches = checkpoint["batches"] // before * self.accumulate

    def _frozen_loss_state(self) -> dict[str, Tensor]:
        """State of losses without trainable parameters, such as pretrained backbones."""
        frozen = [
            name
            for name, loss in self.losses.modules_by_name.items()
            if not any(p.requires_grad for p in loss.parameters())
        ]
        prefixes = tuple(f"losses.modules_by_name.{name}." for name in frozen)
        return {k: v for k, v in self.state_dict().items() if prefixes and k.startswith(prefixes)}


def stands_still(module: nn.Module) -> bool:
    """Whether a module has parameters and none of them trains."""
    trains = [p.requires_grad for p in module.parameters()]
    return bool(trains) and not any(trains)
