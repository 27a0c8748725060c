"""The area under the ROC curve against counting pairs."""

import numpy as np
import pytest

from launch.tools.auroc import aurocs


def by_pairs(labels: np.ndarray, scores: np.ndarray) -> float:
    above = scores[labels == 1][:, None] - scores[labels == 0]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_it_is_the_share_of_pairs_in_order(scale: float):
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, (60, 2))
    scores = scale * np.round(random.normal(size=(60, 2)), 1)  # some are equal
    expected = [by_pairs(labels[:, c], scores[:, c]) for c in range(2)]
    assert aurocs(labels, scores) == pytest.approx(expected, abs=1e-6)


def test_equal_scores_are_one_half_and_one_kind_alone_is_unknown():
    labels = np.array([[1, 1], [0, 1], [0, 1]])
    found = aurocs(labels, np.ones((3, 2)))
    assert found[0] == 0.5 and np.isnan(found[1])
