"""What the three jobs of a phase share: rates by epoch, parts that stand still, patience."""

import math
from collections import Counter
from typing import Any

import numpy as np
import torch
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from pydantic import PositiveInt
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LRScheduler, OneCycleLR

from launch.errors import ConfigError, nearest
from launch.experiments.pbr.consistency import Predict, consistency
from launch.experiments.pbr.evaluation import SUFFIX, Tally
from launch.experiments.pbr.layers import TARGETS
from launch.experiments.pbr.pictures import captions, legend
from launch.losses.total_variation import TotalVariation
from launch.train.learning_rate import scheduled
from launch.train.module import OptimizerFactory, ScheduledModule, SchedulerFactory
from launch.train.objective import Inputs, ScheduledLosses

Batch = dict[str, Tensor]

PROBED = 2  # textures of each domain on which is measured what needs no truth
DRAWN = 3  # textures of each domain in the picture of a validation
WORTHWHILE = 0.01  # relative gain below which a validation has not improved


class Phase(ScheduledModule):
    """One network trained in one phase, beside frozen ones that it looks at.

    The scheduler of the learning rate is counted in epochs. OneCycleLR and warm restarts move with
    every update, the others at the end of an epoch.

    Args:
        phase: A0, A, B, ...; with the kind of network and `bal` for a balanced sampler it names the
            exported weights, such as `seg_B_bal_best.safetensors`.
        network: what trains; which of its parts, `trainable` says.
        dropout: false keeps dropout and stochastic depth off.
        patience: epochs without a gain of 1 % in the main metric after which the run ends.
        watched: that metric; the lower the better.
        validate_first: validate the start weights too, so that the best checkpoint is theirs if no
            training is better; without truth to tell by there is no training at all.
    """

    class_weights: Tensor
    kind = ""  # of network, in the names of exported weights
    columns: tuple[str, ...] = ()  # of the picture of a validation

    def __init__(
        self,
        losses: ScheduledLosses,
        phase: str,
        network: nn.Module,
        optimizer: OptimizerFactory | None,
        lr_scheduler: SchedulerFactory | None = None,
        classes: PositiveInt = 7,
        dropout: bool = True,
        patience: PositiveInt | None = None,
        watched: str = "val_loss",
        validate_first: bool = False,
    ) -> None:
        super().__init__(losses, optimizer, lr_scheduler)
        self.phase, self.network = phase, network
        self.dropout, self.patience, self.watched = dropout, patience, watched
        self.validate_first = validate_first
        self.register_buffer("class_weights", torch.ones(classes), persistent=False)
        self.class_names: tuple[str, ...] = ()
        self.tally = Tally(classes)
        self.panel: list[np.ndarray] = []
        self.drawn: Counter[str] = Counter()
        self.probed: Counter[str] = Counter()
        self.train_losses: list[Tensor] = []  # of the batches since the last validation
        self.lowest, self.lowest_epoch = np.inf, 0

    def freeze(self, network: nn.Module | None) -> nn.Module | None:
        """A network of an earlier job: looked through, not trained."""
        return network.requires_grad_(False).eval() if network is not None else None

    def setup(self, stage: str) -> None:
        """Take class weights from the data."""
        data = getattr(self.trainer, "datamodule", None)
        if data is None:
            return
        self.class_names = data.categories.names
        if len(self.class_names) != len(self.class_weights):
            raise ConfigError(
                f"the data has {len(self.class_names)} classes ({', '.join(self.class_names)}), "
                f"the networks have {len(self.class_weights)}; set classes of all networks"
            )
        self.class_weights.copy_(data.class_weights())
        if stage == TrainerFn.FITTING and self.validate_first and self.iteration == 0:
            self.trainer.num_sanity_val_steps = math.inf  # validates everything, callbacks included
        balanced = ["bal"] if data.balanced else []
        self.weights_name = "_".join([self.kind, self.phase, *balanced, "best"])
        known = {name for material in data.materials for name in material.truth}
        absent = [name for name in self.learns if name not in known]
        if stage == TrainerFn.FITTING and absent:
            rank_zero_warn(
                f"no training texture has a true {' or '.join(absent)}: nothing of that is learnt; "
                "the truth of game textures is looked for below pbr/, see experiments/pbr/README.md"
            )

    @property
    def learns(self) -> list[str]:
        """The maps whose truth it trains on."""
        return []

    # Training

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        inputs = self.loss_inputs(batch)
        unknown = sorted(set(self.losses) - set(inputs))
        if unknown:
            raise ConfigError(
                f"losses.{unknown[0]}: {type(self).__name__} has no such term; it has "
                f"{', '.join(inputs)}.{nearest(unknown[0], inputs)}"
            )
        total, _ = self.losses(**{name: inputs[name] for name in self.losses})
        self.train_losses.append(total.detach())
        return total

    def loss_inputs(self, batch: Batch) -> dict[str, Inputs]:
        """The inputs of every term that the recipe knows, by name."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> "Phase":
        """As in torch, but dropout acts only where it is asked for."""
        super().train(mode)
        for module in self.modules() if not self.dropout else ():
            if isinstance(module, nn.Dropout | nn.Dropout2d | DropPath):
                module.eval()
        return self

    def on_train_start(self) -> None:
        super().on_train_start()
        self.train()
        if self.validate_first and self.metrics and self.watched not in self.metrics:
            rank_zero_warn(
                f"no validation texture has the truth that {self.watched} needs: nothing would "
                "show whether training makes the start weights better, so they stay as they are"
            )
            self.trainer.should_stop = True

    def configure_optimizers(self) -> Any:
        if self.optimizer is None:
            raise ConfigError("module.optimizer is not configured")
        optimizer = self.optimizer(self.parameter_groups())  # type: ignore[arg-type]
        if self.lr_scheduler is None:
            return [optimizer]
        options = {}
        if getattr(self.lr_scheduler, "func", None) is OneCycleLR:
            options["steps_per_epoch"] = -(-self.batches_per_epoch // self.accumulate)
        scheduler = scheduled(self.lr_scheduler, optimizer, **options)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def parameter_groups(self) -> list[Any]:
        return self.trainable_parameters()

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Called after every update; a scheduler that counts epochs is stepped at their ends."""
        completed = self.batches + 1
        if isinstance(scheduler, OneCycleLR):
            if scheduler.last_epoch + 1 < scheduler.total_steps:
                scheduler.step()
        elif isinstance(scheduler, CosineAnnealingWarmRestarts):
            scheduler.step(completed / self.batches_per_epoch)  # type: ignore[arg-type]
        elif isinstance(scheduler, LRScheduler):
            before = (completed - self.accumulate) // self.batches_per_epoch
            for _ in range(completed // self.batches_per_epoch - before):
                scheduler.step()

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return -(-self.iterations * self.accumulate // self.batches_per_epoch)

    def pixel_weights(self, classes: Tensor) -> Tensor:
        """Weight of every pixel by its class, (N, 1, H, W); 1 where it is unknown."""
        padded = torch.cat([self.class_weights, self.class_weights.new_ones(1)])
        return padded[classes.clamp(max=len(self.class_weights))][:, None]

    # Evaluation

    def on_validation_epoch_start(self) -> None:
        self.tally, self.panel = Tally(len(self.class_weights)), [captions(self.columns)]
        self.drawn, self.probed = Counter(), Counter()

    def to_draw(self, suffix: str, size: int) -> list[int]:
        """Which textures of this part of a batch the picture shows.

        Three of each domain in all, from as many batches as there are.
        """
        batches = int(sum(self.trainer.num_val_batches))
        count = min(math.ceil(DRAWN / batches), DRAWN - self.drawn[suffix], size)
        self.drawn[suffix] += count
        return [i * size // count for i in range(count)]

    def probe(self, suffix: str, kind: str, predict: Predict, part: Batch) -> None:
        """Metrics that need no truth, on the first textures of each domain; see `consistency`."""
        count = min(PROBED - self.probed[suffix], len(part["diffuse"]))
        if count > 0:
            self.probed[suffix] += count
            few = {name: values[:count] for name, values in part.items()}
            for name, values in consistency(predict, few).items():
                self.tally.add(f"{kind}_{name}_{suffix}", values)

    def add_validation_loss(self, suffix: str, inputs: dict[str, Inputs], samples: int) -> None:
        """The weighted sum of the terms, without total variation, as `mat_` or `sky_val_loss`.

        Args:
            inputs: of the terms for which there is truth, on `samples` textures that have it.
        """
        total = self.class_weights.new_zeros(())
        for name in self.losses:
            if name not in inputs or isinstance(self.losses[name], TotalVariation):
                continue
            given = inputs[name]
            if self.losses.weight(name):
                value = self.losses[name](*(given() if callable(given) else given))
                total = total + self.losses.weight(name) * value
        self.tally.add(f"{suffix}_val_loss", total.expand(samples))

    def conclude(self, metrics: dict[str, float], training: dict[str, float] | None = None) -> None:
        """Report metrics with `val_loss`, the mean of the domains, and stop without patience.

        Beside them `train_loss`, the mean over the batches since the validation before.
        """
        training = dict(training or {})
        losses = [metrics[f"{s}_val_loss"] for s in SUFFIX if f"{s}_val_loss" in metrics]
        if losses:
            metrics["val_loss"] = float(np.mean(losses))
        if self.train_losses:
            training["train_loss"] = float(torch.stack(self.train_losses).mean())
            self.train_losses = []
        self.log_metrics(metrics, training)
        value = metrics.get(self.watched, np.inf)
        if value < self.lowest * (1 - WORTHWHILE):
            self.lowest, self.lowest_epoch = value, self.epoch
        if self.patience and self.epoch - self.lowest_epoch >= self.patience:
            self.stop()

    def stop(self) -> None:
        """End a training early; a validation alone goes on."""
        if self.trainer.state.fn == TrainerFn.FITTING:
            self.trainer.should_stop = True

    def image_panel(self) -> list[np.ndarray]:
        """Rows below their captions, and what the colours of classes mean."""
        return [*self.panel, legend(self.class_names)] if self.drawn else []

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint |= {"lowest": float(self.lowest), "lowest_epoch": self.lowest_epoch}
        checkpoint["train_losses"] = torch.stack(self.train_losses) if self.train_losses else None

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.lowest, self.lowest_epoch = checkpoint["lowest"], checkpoint["lowest_epoch"]
        losses = checkpoint["train_losses"]
        self.train_losses = [] if losses is None else list(losses)


def image_of(colour: Tensor, normal: Tensor) -> Tensor:
    """What the networks see: colour and normal, (N, 6, H, W)."""
    return torch.cat([colour, normal], dim=1)


def those(batch: Batch, chosen: Tensor) -> Batch:
    """The samples of a batch where `chosen` (N,) is true."""
    return {name: values[chosen] for name, values in batch.items()}


def truth_mask(batch: Batch, name: str) -> Tensor:
    """1 where a map is known, (N, 1, H, W)."""
    place = TARGETS.index(name)
    return batch["truth"][:, place : place + 1]
