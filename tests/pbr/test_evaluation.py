"""Metrics over a validation set against closed forms and torchmetrics."""

import pytest
import torch
from torchmetrics.functional.classification import (
    binary_average_precision,
    multiclass_jaccard_index,
)

from launch.experiments.pbr.evaluation import BINS, Tally, average_precision, by_domain
from launch.experiments.pbr.layers import UNKNOWN


def test_means_count_pixels_over_all_batches():
    tally = Tally(2)
    tally.add("l1", torch.tensor([1.0, 3.0]), torch.tensor([1.0, 0.0]))
    tally.add("l1", torch.tensor([5.0]))
    assert tally.means() == {"l1": 3.0}


def test_iou_is_that_of_torchmetrics_and_unknown_truth_does_not_count():
    torch.manual_seed(0)
    truth, pred = torch.randint(0, 3, (500,)), torch.randint(0, 3, (500,))
    tally = Tally(3)
    tally.add_classes("mat", pred, torch.where(torch.arange(500) < 400, truth, UNKNOWN))
    found = tally.class_metrics(("a", "b", "c"))
    wanted = multiclass_jaccard_index(pred[:400], truth[:400], 3)
    assert found["seg_iou_mat"] == pytest.approx(float(wanted))
    assert found["seg_acc_mat"] == pytest.approx(float((pred == truth)[:400].float().mean()))


def test_average_precision_of_histograms_is_that_of_the_scores_in_bins():
    torch.manual_seed(0)
    truth = (torch.rand(1000) < 0.3).long()
    bins = ((0.3 * truth + 0.7 * torch.rand(1000)) * BINS).long().clamp(0, BINS - 1)
    negative, positive = (torch.bincount(bins[truth == k], minlength=BINS) for k in (0, 1))
    wanted = binary_average_precision((bins + 0.5) / BINS, truth)
    assert average_precision(negative, positive) == pytest.approx(float(wanted), abs=1e-5)


def test_metal_is_counted_from_one_half_on():
    tally = Tally(2)
    scores, truth = torch.tensor([0.9, 0.2, 0.7, 0.1]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    tally.add_metal("sky", scores, truth, torch.ones(4))
    found = tally.metal_metrics()
    assert found["metal_iou_sky"] == pytest.approx(1 / 3)
    assert found["metal_f1_sky"] == pytest.approx(2 / 4)


def test_a_domain_without_samples_is_left_out():
    parts = by_domain({"game": torch.tensor([0, 0]), "x": torch.tensor([1.0, 2.0])})
    assert list(parts) == ["mat"] and parts["mat"]["x"].tolist() == [1.0, 2.0]
