"""Classifiers that bear hidden pixels, and masks that show what matters to them."""

from functools import cached_property
from typing import Any, Literal

import torch
import torch.nn.functional as F
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn

from launch.experiments.roi.balancing import GradNorm
from launch.experiments.roi.filling import Fill, cover, random_blocks
from launch.experiments.roi.grad_cam import grad_cam, smoothed_gradient
from launch.experiments.roi.losses import DropToNormal
from launch.experiments.roi.masks import Cutout, LearnedMask, RandomMask, Ratio
from launch.experiments.roi.recipe import XrayRecipe, share
from launch.experiments.roi.straight_through import MaskSample, top_k
from launch.schedules import Schedule

# N batch, C labels, S image side, s mask stride

EVIDENCE_TERMS = ("full", "consist", "keep", "drop")
AREA_FACTOR = 2.0  # a mask this many times larger or smaller than its target is worth a warning
QUIET = 1e-4  # of consistency and drop together: the mask makes no difference


class ClassifierTraining(XrayRecipe):
    """A plain classifier, or one that also learns images of which random blocks are hidden.

    The latter is what a mask needs later: a classifier that has never met hidden pixels says
    anything about them (Jethani et al., AISTATS 2021).

    Terms: `full` on whole images, `masked` on images with random blocks hidden, and `judge`, both
    for a second network with its own random masks, which takes no part but scores masks later.

    Args:
        keep_ratio: area of the masks that are evaluated.
        saliency: where it looks, which those masks are made of; see `grad_cam.py`.
        others: as in `XrayRecipe`.
    """

    def __init__(
        self,
        *,
        keep_ratio: Ratio = 0.1,
        saliency: Literal["grad_cam", "gradient"] = "grad_cam",
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.keep_ratio = keep_ratio
        self.saliency = {"grad_cam": grad_cam, "gradient": smoothed_gradient}[saliency]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        image, labels = batch["image"], batch["labels"]
        inputs = self.loss_inputs(
            full=lambda: (self.classifier(image), labels),
            masked=lambda: (self.classifier(self.hide(image)), labels),
            judge=lambda: (self.judged(torch.cat([image, self.hide(image)])), labels.repeat(2, 1)),
        )
        total, _ = self.losses(**inputs)
        return total

    def hide(self, image: Tensor) -> Tensor:
        return cover(image, random_blocks(image), self.mask_fill)

    def judged(self, image: Tensor) -> Tensor:
        assert self.judge is not None, "the term judge needs module.judge"
        return self.judge(image)

    def look(self, image: Tensor) -> tuple[Tensor, MaskSample]:
        assert self.keep_ratio is not None
        saliency = self.saliency(self.evaluated("classifier"), image)
        mask = top_k(saliency, self.keep_ratio)
        return saliency, MaskSample(mask, mask, mask)


class Views:
    """Logits of the whole image, of what a mask keeps and of what it drops, when asked for."""

    def __init__(
        self, classifier: nn.Module, image: Tensor, mask: Tensor, fill: Fill, frozen: bool
    ) -> None:
        self.classifier, self.image, self.frozen = classifier, image, frozen
        self.fill: Fill = fill
        self.mask = F.interpolate(mask, image.shape[-2:]) if mask.shape != image.shape else mask

    @cached_property
    def full(self) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.classifier(self.image)

    @cached_property
    def kept(self) -> Tensor:
        return self.classifier(cover(self.image, self.mask, self.fill))

    @cached_property
    def dropped(self) -> Tensor:
        return self.classifier(cover(self.image, 1 - self.mask, self.fill))


class MaskTraining(XrayRecipe):
    """A mask that keeps what the findings need and drops what looks healthy without it.

    Terms, each left out by leaving it out of `losses`: `full`, `keep` (labels), `consist`, `drop`
    (see `losses.py`) on logits of the whole, the kept and the dropped image; `sparse`, `tv` and
    `volume` on the mask before projection, since after it the area never changes.

    Args:
        mask: where masks come from; see `masks.py`.
        temperature: of the sampling, by epoch or iteration.
        classifier_weights: checkpoint of an earlier rung to take the classifier from.
        freeze_classifier: train the mask alone.
        dynamic_weights: let `balance` move the weights of its terms.
        balance: how; see `balancing.py`.
        others: as in `XrayRecipe`.
    """

    def __init__(
        self,
        *,
        mask: LearnedMask | RandomMask | Cutout,
        temperature: Schedule,
        classifier_weights: str | None = None,
        freeze_classifier: bool = False,
        mask_fill: Fill = "zero",
        dynamic_weights: bool = False,
        balance: nn.Module | None = None,
        **others: Any,
    ) -> None:
        super().__init__(mask_fill=mask_fill, **others)
        self.mask: Any = mask
        self.keep_ratio, self.temperature = mask.keep_ratio, temperature
        self.frozen = freeze_classifier
        self.pretrained = getattr(self.classifier, "pretrained", True) or bool(classifier_weights)
        self.inherit("classifier", classifier_weights)
        if freeze_classifier:
            self.classifier.requires_grad_(False)
        if dynamic_weights and isinstance(balance, GradNorm):
            balance.anchors = self.anchors
            self.losses.balance = balance

    def anchors(self, term: str) -> list[nn.Parameter]:
        """Where gradients of a term are compared: the last layer that it trains.

        The classifier's for the terms on logits, unless it is frozen, and the mask network's for
        the terms on masks; no layer is common to both.
        """
        classification = term in EVIDENCE_TERMS and not self.frozen
        network: Any = self.classifier if classification else self.mask.network
        return [network.last.weight]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        image, labels = batch["image"], batch["labels"]
        temperature = self.current_temperature()
        mask = self.mask(image, temperature)
        views = Views(self.classifier, image, mask.projected, self.mask_fill, self.frozen)
        inputs = self.loss_inputs(
            full=lambda: (views.full, labels),
            keep=lambda: (views.kept, labels),
            consist=lambda: (views.full, views.kept),
            drop=lambda: self.drop_inputs(views),
            sparse=(mask.sampled,),
            tv=(mask.sampled,),
            volume=(mask.sampled,),
        )
        total, _ = self.losses(**inputs)
        self.record_mask(mask, temperature)
        return total

    def drop_inputs(self, views: Views) -> tuple[Tensor, ...]:
        to_normal = isinstance(self.losses["drop"], DropToNormal)
        return (views.dropped,) if to_normal else (views.full, views.dropped)

    def record_mask(self, mask: MaskSample, temperature: float) -> None:
        sampled = mask.sampled.detach()
        self.record(
            mask_mean=sampled.mean(),
            mask_tv=sampled.diff(dim=-1).abs().mean() + sampled.diff(dim=-2).abs().mean(),
            mask_coverage=mask.projected.detach().mean(),
            temperature=temperature,
        )

    def current_temperature(self) -> float:
        return self.temperature(self.epoch if self.temperature.unit == "epoch" else self.iteration)

    def look(self, image: Tensor) -> tuple[Tensor, MaskSample]:
        source: Any = self.evaluated("mask")
        saliency = source.saliency(image)
        return saliency, source.settled(saliency, self.current_temperature())

    def area(self, saliency: Tensor, mask: MaskSample) -> Tensor:
        """With noise a cell is kept with probability sigmoid(logit), at every temperature."""
        sampled = isinstance(self.mask, LearnedMask) and self.mask.gumbel
        return super().area(saliency, mask) if not sampled else share(saliency.sigmoid())

    # Health

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if self.mask_fill == "zero" and not self.pretrained:
            rank_zero_warn(
                "mask_fill=zero with an untrained classifier: layer norms have slopes of 1000 on "
                "constant patches, so gradients may be huge; use blur, or pretrained weights"
            )

    def health(self) -> list[str]:
        found = []
        if isinstance(self.mask, LearnedMask):
            found += [*self.area_warnings(), *self.silence_warnings()]
        floor = getattr(self.losses.balance, "bounds", (0.0,))[0]
        held = [n for n, w in self.losses.balance.weights.items() if 0 < float(w) <= floor]
        if held and self.epoch > 0:
            found.append(
                f"the weights of {', '.join(held)} are at their floor {floor:g}; "
                "raise dynamic_weight_min if the terms should count"
            )
        return found

    def area_warnings(self) -> list[str]:
        """Area before projection: after it, it is always right."""
        target = self.keep_ratio
        if target is None or self.epoch < 2 or "mask_mean" not in self.latest:
            return []
        mean = float(self.latest["mask_mean"])
        if target / AREA_FACTOR <= mean <= target * AREA_FACTOR:
            return []
        return [
            f"masks cover {mean:.3f} before projection, wanted is {target:g}; "
            "raise losses.volume.loss_weight or lower the temperature's floor"
        ]

    def silence_warnings(self) -> list[str]:
        """Signs that nothing reaches the mask network."""
        found = []
        values = self.losses.values
        if {"consist", "drop"} <= values.keys():
            both = float(values["consist"] + values["drop"])
            if both < QUIET:
                found.append(
                    f"consistency and drop are {both:.1e} together: what is hidden makes no "
                    "difference to the classifier, or the mask has collapsed"
                )
        gradients = [p.grad for p in self.mask.parameters() if p.grad is not None]
        if gradients and not any(g.any() for g in gradients):
            found.append("the mask network gets no gradient: no term reaches it")
        return found
