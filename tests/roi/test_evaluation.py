"""Metrics against closed forms and scikit-learn-like definitions on a few images."""

import math
from dataclasses import fields

import numpy as np
import pytest

from launch.experiments.roi.evaluation import (
    Predictions,
    best_thresholds,
    evaluate,
    f1,
    f1_macro,
    location,
    macro,
)
from launch.tools.auroc import aurocs

EMPTY = np.empty(0)


def predictions(**arrays):
    return Predictions(**{f.name: arrays.get(f.name, EMPTY) for f in fields(Predictions)})


def classified(count=100, seed=0):
    random = np.random.default_rng(seed)
    labels = (random.random((count, 3)) < 0.4).astype(float)
    return labels, 0.3 * labels + random.random((count, 3)) * 0.7


def test_a_label_without_positive_images_is_left_out():
    labels, scores = classified()
    labels[:, 1] = 0
    areas = aurocs(labels, scores)
    assert math.isnan(areas[1])
    assert macro(areas) == pytest.approx((areas[0] + areas[2]) / 2)
    metrics = evaluate(predictions(labels=labels, full=scores), ["a", "b", "c"], None)
    assert metrics["classes_evaluated"] == 2 and "auroc/b" not in metrics


def test_the_best_threshold_maximises_f1():
    labels, scores = classified()
    best = f1(labels, scores > best_thresholds(labels, scores))
    for threshold in np.linspace(0, 1, 101):
        assert (best >= f1(labels, scores > threshold) - 1e-12).all()


def test_f1_uses_thresholds_of_the_other_half():
    """Scores that only separate within a half cannot profit from a threshold of their own."""
    labels = np.array([[0.0], [1.0]] * 20)
    scores = np.where(np.arange(40)[:, None] < 20, 0.1, 0.8) + 0.1 * labels
    assert f1_macro(labels, scores) == pytest.approx(0.5, abs=0.2)
    assert f1(labels, scores > best_thresholds(labels, scores))[0] < 1
    assert f1_macro(labels, labels, np.array([0.5])) == 1


def test_location_counts_marked_images_only():
    found = predictions(
        overlap=np.array([5, 0, 0]),
        union=np.array([20, 10, 30]),
        region=np.array([10, 0, 20]),
        hit=np.array([True, False, False]),
    )
    values = location(found)
    assert values["iou"] == pytest.approx((5 / 20 + 0) / 2)
    assert values["recall_at_coverage"] == pytest.approx((0.5 + 0) / 2)
    assert values["pointing_game"] == 0.5
    assert values["images_with_regions"] == 2


def masks(mask_mean):
    labels, scores = classified()
    ones = np.ones(len(labels))
    return predictions(
        labels=labels,
        full=scores,
        kept=scores,
        dropped=scores[::-1],
        kept_random=scores,
        mask_mean=mask_mean * ones,
        mask_mean_settled=mask_mean * ones,
        coverage=0.1 * ones,
        overlap=5 * ones,
        union=20 * ones,
        region=10 * ones,
        hit=ones > 0,
        on_distractor=0.02 * ones,
        distractor=0.01 * ones,
    )


def test_names_are_those_of_the_record():
    metrics = evaluate(masks(0.1), ["a", "b", "c"], 0.1)
    expected = {
        "auroc_macro", "f1_macro", "mask_mean", "coverage", "recall_at_coverage", "pointing_game",
        "iou", "auroc_kept", "auroc_dropped", "auroc_kept_random", "distractor_share", "collapsed",
    }  # fmt: skip
    assert expected <= metrics.keys()
    assert all(math.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize(("mask_mean", "collapsed"), [(0.1, 0), (0.06, 0), (0.0, 1), (0.6, 1)])
def test_collapse_is_flagged_before_projection(mask_mean, collapsed):
    assert evaluate(masks(mask_mean), ["a", "b", "c"], 0.1)["collapsed"] == collapsed


def test_intervals_hold_the_value():
    metrics = evaluate(masks(0.1), ["a", "b", "c"], 0.1)
    for name in ("auroc_macro", "recall_at_coverage"):
        assert metrics[f"{name}_low"] <= metrics[name] <= metrics[f"{name}_high"]
    assert metrics["auroc_macro_high"] - metrics["auroc_macro_low"] > 0.02
