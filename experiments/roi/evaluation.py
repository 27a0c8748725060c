"""How good the classifier is, and whether the mask is where the findings are.

Every interval is the 2.5 and 97.5 % quantile over images drawn with replacement; intervals over
seeds are the study's.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from launch.tools.auroc import aurocs

# N images, C labels

RESAMPLES = 200
COLLAPSED = 0.5  # a mask less than half or more than twice its target has collapsed
QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class Predictions:
    """What was found for N images, in one order.

    Attributes:
        labels: (N, C) 0 or 1.
        full: (N, C) probabilities of the whole image.
        kept, dropped: (N, C) by an independent classifier, of what the mask keeps or drops.
        kept_random: (N, C) by the same classifier, of a random mask of the same area.
        mask_mean: (N,) expected mean of the sampled mask before projection; `mask_mean_settled`:
            (N,) without noise; `coverage`: (N,) after projection.
        overlap, union, region: (N,) pixels in mask and region, in either, in the region.
        hit: (N,) whether the pixel of highest saliency is in the region.
        on_distractor: (N,) share of the mask's pixels that are on a distractor.
        distractor: (N,) share of the image's pixels that are.

    Arrays that do not apply are empty.
    """

    labels: np.ndarray
    full: np.ndarray
    kept: np.ndarray
    dropped: np.ndarray
    kept_random: np.ndarray
    mask_mean: np.ndarray
    mask_mean_settled: np.ndarray
    coverage: np.ndarray
    overlap: np.ndarray
    union: np.ndarray
    region: np.ndarray
    hit: np.ndarray
    on_distractor: np.ndarray
    distractor: np.ndarray

    def take(self, rows: np.ndarray) -> "Predictions":
        """Some of the images, possibly several times."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return Predictions(**{k: a[rows] if len(a) else a for k, a in arrays.items()})


def evaluate(
    found: Predictions,
    labels: Sequence[str],
    target: float | None,
    thresholds: np.ndarray | None = None,
) -> dict[str, float]:
    """All metrics, under the names of run.json.

    Args:
        target: wanted coverage; None if there is no mask.
        thresholds: (C,) chosen on validation images; None chooses them here, each half of the
            images by the other.
    """
    auroc = aurocs(found.labels, found.full)
    metrics = {
        "auroc_macro": macro(auroc),
        "f1_macro": f1_macro(found.labels, found.full, thresholds),
        "classes_evaluated": float(np.isfinite(auroc).sum()),
    }
    metrics |= {
        f"auroc/{name}": float(value)
        for name, value in zip(labels, auroc, strict=True)
        if math.isfinite(value)
    }
    if target is not None:
        metrics |= mask_metrics(found, target)
    return metrics | intervals(found, target)


def intervals(found: Predictions, target: float | None) -> dict[str, float]:
    """`NAME_low` and `NAME_high` of the headline metrics."""

    def headline(sample: Predictions) -> dict[str, float]:
        values = {"auroc_macro": macro(aurocs(sample.labels, sample.full))}
        if target is not None:
            located = location(sample)
            values |= {
                k: located[k] for k in ("recall_at_coverage", "pointing_game") & located.keys()
            }
        return values

    return bootstrap(found, headline)


def bootstrap(
    found: Predictions, measure: Callable[[Predictions], Mapping[str, float]]
) -> dict[str, float]:
    random = np.random.default_rng(0)
    count = len(found.labels)
    samples = [measure(found.take(random.integers(0, count, count))) for _ in range(RESAMPLES)]
    bounds: dict[str, float] = {}
    for name in sorted({name for sample in samples for name in sample}):
        values = [sample[name] for sample in samples if name in sample]
        low, high = np.nanquantile(values, QUANTILES)
        bounds |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return {name: value for name, value in bounds.items() if math.isfinite(value)}


# Classification


def macro(values: np.ndarray) -> float:
    """Mean over the labels that could be evaluated; NaN if there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def f1(labels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(C,) 2 TP / (2 TP + FP + FN); NaN for a label without a positive image."""
    hits = (labels * chosen).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(labels.any(0), 2 * hits / (labels.sum(0) + chosen.sum(0)), np.nan)


def best_thresholds(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(C,) thresholds of the largest F1, halfway to the next lower score; 0.5 without positives."""
    thresholds = np.full(labels.shape[1], 0.5)
    for c in np.flatnonzero(labels.any(0)):
        order = np.argsort(-scores[:, c], kind="stable")
        ordered = scores[order, c]
        hits = labels[order, c].cumsum()
        values = 2 * hits / (labels[:, c].sum() + np.arange(1, len(order) + 1))
        last_of_equals = np.append(ordered[1:] < ordered[:-1], True)
        best = int(np.argmax(np.where(last_of_equals, values, -1)))
        below = ordered[best + 1] if best + 1 < len(ordered) else 0.0
        thresholds[c] = (ordered[best] + below) / 2
    return thresholds


def f1_macro(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray | None = None) -> float:
    """F1 averaged over labels, at thresholds chosen on other images."""
    if thresholds is not None:
        return macro(f1(labels, scores > thresholds))
    first = np.arange(len(labels)) < len(labels) // 2
    chosen = np.zeros(labels.shape, bool)
    for half, other in ((first, ~first), (~first, first)):
        chosen[half] = scores[half] > best_thresholds(labels[other], scores[other])
    return macro(f1(labels, chosen))


# Masks


def mask_metrics(found: Predictions, target: float) -> dict[str, float]:
    """Area, location, and what an independent classifier makes of both parts."""
    coverage, mask_mean = float(found.coverage.mean()), float(found.mask_mean.mean())
    metrics = {
        "mask_mean": mask_mean,
        "mask_mean_settled": float(found.mask_mean_settled.mean()),
        "coverage": coverage,
        "coverage_error": abs(coverage - target),
        "mask_mean_error": abs(mask_mean - target),
        "collapsed": float(not COLLAPSED <= mask_mean / target <= 1 / COLLAPSED),
    }
    for name in ("kept", "dropped", "kept_random"):
        scores = getattr(found, name)
        if len(scores):
            metrics[f"auroc_{name}"] = macro(aurocs(found.labels, scores))
    if found.distractor.any():
        present = found.distractor > 0
        metrics["distractor_share"] = float(found.on_distractor[present].mean())
        metrics["distractor_area"] = float(found.distractor[present].mean())
    return metrics | location(found)


def location(found: Predictions) -> dict[str, float]:
    """Over images with a marked region: IoU, recall, pointing game, and the region's area.

    Recall is the share of the region's pixels that the mask keeps; by chance it is the coverage.
    The pointing game's chance is the area. Images whose findings nobody has marked do not count.
    """
    marked = found.region > 0
    if not marked.any():
        return {}
    return {
        "iou": float((found.overlap[marked] / found.union[marked]).mean()),
        "recall_at_coverage": float((found.overlap[marked] / found.region[marked]).mean()),
        "pointing_game": float(found.hit[marked].mean()),
        "images_with_regions": float(marked.sum()),
    }
