"""What every X-ray recipe shares: evaluation, pictures, the epoch log and prediction."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities import rank_zero_warn
from pydantic import PositiveInt
from torch import Tensor, nn

from launch.errors import ConfigError, MissingError
from launch.experiments.roi import evaluation, pictures
from launch.experiments.roi.evaluation import Predictions
from launch.experiments.roi.filling import Fill, cover
from launch.experiments.roi.straight_through import MaskSample, top_k
from launch.experiments.roi.training_log import TrainingLog
from launch.record import storage
from launch.tools import model_files
from launch.tools.names import set_aside
from launch.train.module import OptimizerFactory, ScheduledModule, SchedulerFactory
from launch.train.objective import ScheduledLosses

# N batch, C labels, S image side, h w the mask's grid

NetworkFactory = Callable[..., nn.Module]

PANEL_ROWS = 6
RANDOM_SEED = 1234  # of random masks and fills in a validation: the same in every one


class XrayRecipe(ScheduledModule):
    """A classifier of findings, and a saliency that says where it looks.

    Args:
        labels: names of the findings, in the order of the data's labels.
        img_size: side of an image in pixels.
        classifier: `classes` -> network, image -> logits.
        judge: `classes` -> the independent classifier that scores masks; null leaves that out, and
            so do no weights for it, unless the term `judge` trains it.
        judge_weights: checkpoint of another run to take it from.
        mask_fill: what takes the place of hidden pixels.
        log_csv: file with a row per epoch, within the run folder unless absolute; what another run
            or rung has left there is renamed, not replaced.
        save: file with the networks' weights after every epoch, likewise.
    """

    keep_ratio: float | None = None
    looks_inside = True  # Grad-CAM stops between a classifier's features and its head

    def __init__(
        self,
        losses: ScheduledLosses,
        optimizer: OptimizerFactory,
        classifier: NetworkFactory,
        labels: list[str],
        img_size: PositiveInt,
        lr_scheduler: SchedulerFactory | None = None,
        judge: NetworkFactory | None = None,
        judge_weights: str | None = None,
        mask_fill: Fill = "blur",
        log_csv: str | None = None,
        save: str | None = None,
    ) -> None:
        super().__init__(losses, optimizer, lr_scheduler)
        self.labels, self.img_size = labels, img_size
        self.mask_fill: Fill = mask_fill
        self.classifier = classifier(classes=len(labels))
        judged = judge if judge_weights or "judge" in losses else None
        self.judge: nn.Module | None = judged(classes=len(labels)) if judged else None
        self.log_csv, self.save = log_csv, save
        self.thresholds: Tensor
        self.register_buffer("thresholds", torch.full((len(labels),), 0.5))
        self.log_state: dict[str, Any] = {}
        self.training_log: TrainingLog | None = None
        self.latest: dict[str, Tensor | float] = {}
        self.found: dict[str, list[np.ndarray]] = {}
        self.missing: list[str] = []
        self.inherit("judge", judge_weights)
        if self.judge is not None:
            self.judge.requires_grad_("judge" in losses)

    # What a recipe says

    def look(self, image: Tensor) -> tuple[Tensor, MaskSample] | None:
        """Saliency (N, 1, h, w) and the deterministic mask; None if there is neither."""
        return None

    def area(self, saliency: Tensor, mask: MaskSample) -> Tensor:
        """(N,) mean of the mask before projection, as it is sampled in training."""
        return share(mask.sampled)

    def loss_inputs(self, **inputs: Any) -> dict[str, Any]:
        """The inputs of the configured terms.

        Raises:
            ConfigError: for a term that this recipe has no inputs for.
        """
        unknown = [name for name in self.losses if name not in inputs]
        if unknown:
            raise ConfigError(
                f"losses: {type(self).__name__} has no term {', '.join(map(repr, unknown))}; "
                f"its terms are {', '.join(inputs)}"
            )
        return {name: inputs[name] for name in self.losses}

    def record(self, **values: Tensor | float) -> None:
        super().record(**values)
        self.latest = dict(self.recorded)

    # Weights of earlier rungs

    def inherit(self, name: str, checkpoint: str | None) -> None:
        """Take a network from the checkpoint of another rung, its average if there is one.

        A missing file is an error only when training starts: a finished run carries its own copy.

        Raises:
            ConfigError: if the file holds no such network, or one of another architecture.
        """
        if checkpoint is None:
            return
        if not Path(checkpoint).is_file():
            self.missing.append(f"module.{name}_weights: there is no file {checkpoint}")
            return
        try:
            model_files.load(self.get_submodule(name), Path(checkpoint), part=name)
        except ConfigError as error:
            raise ConfigError(f"module.{name}_weights: {error.message}") from error

    def adopt(self, state: Any) -> None:
        """A checkpoint without a judge is scored by the one of `judge_weights`."""
        if self.judge is None or any(key.startswith("judge.") for key in state):
            return
        if self.missing:
            raise MissingError("; ".join(self.missing))
        state.update(self.judge.state_dict(prefix="judge."))

    def setup(self, stage: str) -> None:
        if stage == "fit" and self.missing and not self.iteration:
            raise MissingError("; ".join(self.missing))

    # Validation

    def on_validation_epoch_start(self) -> None:
        self.found, self.panel = defaultdict(list), []
        torch.manual_seed(RANDOM_SEED)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        image = batch["image"]
        full = self.evaluated("classifier")(image).float().sigmoid()
        values = {"labels": batch["labels"], "full": full}
        looked = self.look(image)
        if looked is not None:
            values |= self.measure(batch, *looked)
            if batch_idx == 0:
                first = {k: v[:PANEL_ROWS] for k, v in batch.items()}
                mask = F.interpolate(looked[1].projected, image.shape[-2:])
                self.panel = pictures.panel(first, looked[0], mask, full)
        for name, value in values.items():
            self.found[name].append(value.cpu().numpy())

    def measure(
        self, batch: dict[str, Tensor], saliency: Tensor, mask: MaskSample
    ) -> dict[str, Tensor]:
        """Where the mask is, per image; see `evaluation.Predictions`."""
        image, size = batch["image"], batch["image"].shape[-2:]
        assert self.keep_ratio is not None
        shown = F.interpolate(mask.projected, size)
        largest = F.interpolate(top_k(saliency, self.keep_ratio), size) > 0
        regions = batch.get("regions", torch.zeros_like(image, dtype=torch.bool))
        distractors = batch.get("distractors", torch.zeros_like(image, dtype=torch.bool))
        values = {
            "mask_mean": self.area(saliency, mask),
            "mask_mean_settled": share(mask.sampled),
            "coverage": share(shown),
            "overlap": (largest & regions).flatten(1).sum(1),
            "union": (largest | regions).flatten(1).sum(1),
            "region": regions.flatten(1).sum(1),
            "hit": regions.flatten(1).gather(1, peak(saliency, size)[:, None])[:, 0],
            "on_distractor": share(largest & distractors) / share(largest),
            "distractor": share(distractors),
        }
        if self.judge is not None:
            random = top_k(torch.rand_like(saliency), self.keep_ratio)
            masks = {"kept": shown, "dropped": 1 - shown, "kept_random": random}
            values |= {
                name: self.judge(cover(image, m, self.mask_fill)).float().sigmoid()
                for name, m in masks.items()
            }
        return values

    def on_validation_epoch_end(self) -> None:
        found = self.predictions()
        data = getattr(self.trainer, "datamodule", None)
        on_test = getattr(data, "evaluate", "validation") == "test"
        thresholds = self.thresholds.cpu().numpy() if on_test else None
        self.log_metrics(evaluation.evaluate(found, self.labels, self.keep_ratio, thresholds))
        if not on_test:
            chosen = evaluation.best_thresholds(found.labels, found.full)
            self.thresholds.copy_(torch.from_numpy(chosen))
        absent = [name for n, name in enumerate(self.labels) if not found.labels[:, n].any()]
        if absent:
            rank_zero_warn(f"no evaluated image shows {', '.join(absent)}; left out of all means")

    def predictions(self) -> Predictions:
        """What has been found on all batches; every process validates all of them."""
        arrays = {name: np.concatenate(parts) for name, parts in self.found.items()}
        names = Predictions.__dataclass_fields__
        return Predictions(**{name: arrays.get(name, np.empty(0)) for name in names})

    # The epoch log

    def on_fit_start(self) -> None:
        if not self.trainer.is_global_zero:
            return
        root = Path(self.trainer.default_root_dir)
        if self.log_csv:
            self.training_log = TrainingLog(root / self.log_csv, self.log_state)
        if self.save:
            set_aside_if_foreign(root / self.save, root)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        if self.training_log:
            self.training_log.flush(self.metrics)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_end(outputs, batch, batch_idx)
        ended = self.batches % self.batches_per_epoch == 0
        if self.training_log:
            weights = self.losses.scheduled() | self.losses.balance.weights
            self.training_log.add(self.losses.values, weights, self.latest)
            if ended:
                self.training_log.end_epoch(self.epoch)
        if ended and self.save and self.trainer.is_global_zero:
            root = Path(self.trainer.default_root_dir)
            self.save_networks(root / self.save, root)

    def on_train_end(self) -> None:
        if self.training_log:
            self.training_log.flush(self.metrics)

    def save_networks(self, path: Path, run: Path) -> None:
        content = {"run": str(run), "epoch": self.epoch, "state_dict": self.weights()}
        with storage.replacing(path) as file:
            torch.save(content, file)

    def weights(self) -> dict[str, Tensor]:
        """Classifier and mask network, averaged if there is an average."""
        names = [name for name in ("classifier", "mask") if hasattr(self, name)]
        return {
            f"{name}.{key}": value
            for name in names
            for key, value in self.evaluated(name).state_dict().items()
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        if self.training_log:
            checkpoint["training_log"] = self.training_log.state(self.metrics)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.log_state = checkpoint.get("training_log", {})

    # Prediction

    def predict(self, source: Path, destination: Path) -> dict[str, float]:
        from launch.experiments.roi.predict import predict_folder  # noqa: PLC0415 - files are needed here only

        return predict_folder(self, source, destination)


def set_aside_if_foreign(path: Path, run: Path) -> None:
    """Rename a file of networks that another run, or another rung of this one, has saved."""
    if not path.exists():
        return
    try:
        owner = torch.load(path, map_location="cpu", weights_only=True, mmap=True).get("run")
    except Exception:  # whatever it is, it is not ours
        owner = None
    if owner != str(run):
        rank_zero_warn(f"{path} is of another run; it was renamed to {set_aside(path).name}")


def share(mask: Tensor) -> Tensor:
    """(N,) mean over the pixels of each image."""
    return mask.flatten(1).float().mean(1)


def peak(saliency: Tensor, size: torch.Size) -> Tensor:
    """(N,) index of the pixel at the centre of the cell of highest saliency."""
    best = saliency.flatten(1).argmax(1)
    row, column = best // saliency.shape[-1], best % saliency.shape[-1]
    down, across = (size[i] / saliency.shape[i - 2] for i in (0, 1))
    return ((row + 0.5) * down).long() * size[1] + ((column + 0.5) * across).long()
