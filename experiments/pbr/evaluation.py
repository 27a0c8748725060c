"""Metrics over a validation set, gathered batch by batch. None of them is weighted.

Names end in `_mat` for clean materials and `_sky` for game textures.
"""

from collections import defaultdict

import torch
from launch.experiments.pbr.layers import CLEAN, GAME, UNKNOWN
from torch import Tensor

SUFFIX = ("mat", "sky")
DOMAIN = {"mat": CLEAN, "sky": GAME}
BINS = 200
METALLIC = 0.5  # a pixel is metal from here on


class Tally:
    """Sums over a validation: means of pixels, confusion of classes, histograms of metal."""

    def __init__(self, classes: int) -> None:
        self.sums: dict[str, Tensor] = {}
        self.confusion = {s: torch.zeros(classes, classes, dtype=torch.long) for s in SUFFIX}
        self.metal = {s: torch.zeros(2, BINS, dtype=torch.long) for s in SUFFIX}

    def add(self, name: str, values: Tensor, mask: Tensor | None = None) -> None:
        """Values whose mean over all calls is reported; a mask of the same shape counts them."""
        values = values.detach().double()
        weight = torch.ones_like(values) if mask is None else mask.double().expand_as(values)
        pair = torch.stack([(values * weight).sum(), weight.sum()]).cpu()
        self.sums[name] = self.sums.get(name, 0) + pair

    def add_classes(self, suffix: str, pred: Tensor, truth: Tensor) -> None:
        """Predicted and true classes of any shape; unknown truth is left out."""
        known = truth != UNKNOWN
        table = self.confusion[suffix]
        pairs = truth[known] * len(table) + pred[known]
        table += torch.bincount(pairs.cpu(), minlength=table.numel()).view_as(table)

    def add_metal(self, suffix: str, probability: Tensor, truth: Tensor, mask: Tensor) -> None:
        """Probability of metal and the true map, where the mask is not 0."""
        known = mask > 0
        bins = (probability[known] * BINS).long().clamp(0, BINS - 1)
        for i, side in enumerate((truth[known] < METALLIC, truth[known] >= METALLIC)):
            self.metal[suffix][i] += torch.bincount(bins[side].cpu(), minlength=BINS)

    def means(self) -> dict[str, float]:
        """Mean of everything that has a pixel."""
        found = {n: p[0] / p[1] for n, p in self.sums.items() if p[1] > 0}
        return {name: float(mean) for name, mean in found.items()}

    def class_metrics(self, names: tuple[str, ...]) -> dict[str, float]:
        """`seg_iou_x`, `seg_acc_x`, and `seg_iou_CLASS_x` for classes that occur in the truth."""
        result: dict[str, float] = {}
        for suffix, table in self.confusion.items():
            total = table.sum().item()
            if not total:
                continue
            hits, truth = table.diagonal().double(), table.sum(dim=1)
            union = truth + table.sum(dim=0) - table.diagonal()
            present = truth > 0
            iou = hits / union.clamp_min(1)
            result[f"seg_iou_{suffix}"] = iou[present].mean().item()
            result[f"seg_acc_{suffix}"] = hits.sum().item() / total
            for name, value, there in zip(names, iou.tolist(), present.tolist(), strict=False):
                if there:
                    result[f"seg_iou_{name}_{suffix}"] = value
        return result

    def metal_metrics(self) -> dict[str, float]:
        """`metal_iou_x` and `metal_f1_x` at 0.5, and the average precision `metal_ap_x`."""
        result: dict[str, float] = {}
        for suffix, (negative, positive) in self.metal.items():
            if not positive.sum():
                continue
            half = BINS // 2
            hits, misses = positive[half:].sum().item(), positive[:half].sum().item()
            false = negative[half:].sum().item()
            result[f"metal_iou_{suffix}"] = hits / (hits + misses + false)
            result[f"metal_f1_{suffix}"] = 2 * hits / (2 * hits + misses + false)
            result[f"metal_ap_{suffix}"] = average_precision(negative, positive)
        return result


def average_precision(negative: Tensor, positive: Tensor) -> float:
    """Area under precision over recall from histograms of the scores, the highest bin last."""
    hits = positive.flip(0).cumsum(0).double()
    shown = hits + negative.flip(0).cumsum(0)
    precision = hits / shown.clamp_min(1)
    gained = positive.flip(0).double() / positive.sum()
    return float((precision * gained).sum())


def by_domain(batch: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """A batch split into its clean and its game samples; a domain without any is left out."""
    parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for suffix, flag in zip(SUFFIX, (0, 1), strict=True):
        inside = batch["game"] == flag
        if inside.any():
            parts[suffix] = {name: values[inside] for name, values in batch.items()}
    return dict(parts)
