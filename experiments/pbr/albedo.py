"""The second job of a phase: the colour of a material without the light that is baked in."""

import math
from typing import Any

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from launch.experiments.pbr.evaluation import DOMAIN, by_domain
from launch.experiments.pbr.models import condition_of
from launch.experiments.pbr.phase import Batch, Phase, image_of, those, truth_mask
from launch.experiments.pbr.pictures import row, tile, unknown
from launch.losses.structural import SSIM
from launch.train.objective import Inputs


class Albedo(Phase):
    """Trains a U-Net on diffuse and normal, conditioned by a frozen segmentation if there is one.

    Args:
        losses: `l1`, `ssim`, `lpips` on the albedo where it is known.
        network: (N, 6, H, W), condition -> (N, 3, H, W).
        segformer: this phase's; null leaves FiLM out.
        perceptual_metric: reported as `lpips_val`, `lpips_val_random` if untrained.
        overfit: validations in a row, in which that rises while the L1 falls, after which the run
            ends.
        others: as in `Phase`.
    """

    kind = "u_alb"
    columns = ("diffuse", "predicted albedo", "true albedo", "error x 4")

    def __init__(
        self,
        *,
        segformer: nn.Module | None = None,
        perceptual_metric: nn.Module | None = None,
        overfit: PositiveInt | None = None,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.segformer = self.freeze(segformer)
        self.perceptual = [perceptual_metric] if perceptual_metric is not None else []
        self.similarity = SSIM()
        self.overfit, self.apart = overfit, 0
        self.before = (math.inf, -math.inf)  # perceptual distance and L1 of the last validation

    @property
    def learns(self) -> list[str]:
        return ["albedo"]

    def albedo(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Prediction, and the classes that pixels count as: the segmentation's, or the data's."""
        image = image_of(batch["diffuse"], batch["normal"])
        if self.segformer is None:
            return self.network(image), batch["classes"]
        with torch.no_grad():
            logits = self.segformer(image)
        return self.network(image, condition_of(logits, batch["game"])), logits.argmax(dim=1)

    def loss_inputs(self, batch: Batch) -> dict[str, Inputs]:
        pred, classes = self.albedo(batch)
        return self.terms(pred, batch, classes)

    def terms(self, pred: Tensor, batch: Batch, classes: Tensor) -> dict[str, Inputs]:
        return albedo_terms(pred, batch, self.pixel_weights(classes))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        for suffix, part in by_domain(batch).items():
            pred, classes = self.albedo(part)
            known = truth_mask(part, "albedo")
            there = known.flatten(1).any(dim=1)
            if there.any():
                terms = self.terms(pred[there], those(part, there), classes[there])
                self.add_validation_loss(suffix, terms, int(there.sum()))
                self.measure(suffix, pred, part, known)
            self.probe(suffix, "albedo", lambda shown: self.albedo(shown)[0], part)
            for i in self.to_draw(suffix, len(pred)):
                self.panel.append(row(DOMAIN[suffix], look(pred[i], part, i)))

    def measure(self, suffix: str, pred: Tensor, part: Batch, known: Tensor) -> None:
        target = part["albedo"]
        error = (pred - target).abs().mean(dim=1, keepdim=True)
        self.tally.add("u_alb_L1", error, known)
        self.tally.add(f"albedo_l1_{suffix}", error, known)
        self.tally.add(f"albedo_rmse_{suffix}", (pred - target).square().mean(1, True), known)
        identity = (part["diffuse"] - target).abs().mean(dim=1, keepdim=True)
        self.tally.add(f"albedo_l1_{suffix}_identity", identity, known)
        if (whole := known.flatten(1).all(dim=1)).any():
            self.compare(suffix, pred[whole], target[whole])

    def compare(self, suffix: str, pred: Tensor, target: Tensor) -> None:
        """SSIM, and the perceptual distance under a name that says if its network is untrained."""
        similar = 1 - self.similarity(pred, target)
        self.tally.add(f"albedo_ssim_{suffix}", similar.expand(len(pred)))
        for metric in self.perceptual:
            random = "_random" if str(metric.metric_name).endswith("random") else ""
            distance = metric.to(pred.device).forward(pred, target).expand(len(pred))
            self.tally.add(f"lpips_val{random}", distance)
            self.tally.add(f"lpips_{suffix}{random}", distance)

    def on_validation_epoch_end(self) -> None:
        metrics = rooted(self.tally.means())
        self.conclude(metrics)
        self.watch_overfit(metrics)

    def watch_overfit(self, metrics: dict[str, float]) -> None:
        """Stop once the perceptual distance rose while the L1 fell, `overfit` times running."""
        perceived = next((metrics[n] for n in metrics if n.startswith("lpips_val")), None)
        if perceived is None or "u_alb_L1" not in metrics:
            return
        now = (perceived, metrics["u_alb_L1"])
        apart = now[0] > self.before[0] and now[1] < self.before[1]
        self.apart, self.before = self.apart + 1 if apart else 0, now
        if self.overfit and self.apart >= self.overfit:
            self.stop()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint |= {"apart": self.apart, "before": self.before}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.apart, self.before = checkpoint["apart"], checkpoint["before"]

    def weights(self) -> dict[str, Tensor]:
        return self.evaluated("network").state_dict()


def look(pred: Tensor, part: Batch, place: int) -> list[np.ndarray]:
    """Diffuse, prediction, and where it is known the truth with the error, of one texture."""
    diffuse, target = part["diffuse"][place], part["albedo"][place]
    if not truth_mask(part, "albedo")[place].any():
        return [tile(diffuse), tile(pred), unknown(), unknown()]
    return [tile(image) for image in (diffuse, pred, target, 4 * (pred - target).abs())]


def albedo_terms(pred: Tensor, batch: Batch, weights: Tensor) -> dict[str, Inputs]:
    """Inputs of the terms on an albedo; what is unknown counts as predicted right."""
    target, known = batch["albedo"], truth_mask(batch, "albedo")
    filled = torch.where(known > 0, target, pred.detach())
    return {
        "l1": (pred, target, known * weights),
        "ssim": (pred, filled, known),
        "lpips": lambda: (pred, filled),
    }


def rooted(metrics: dict[str, float]) -> dict[str, float]:
    """Mean squares, gathered under the name of their root, become that."""
    return {name: v**0.5 if "_rmse_" in name else v for name, v in metrics.items()}
