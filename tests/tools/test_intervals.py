"""Means and intervals against scipy's own t distribution."""

import pytest
from scipy import stats

from launch.tools.intervals import difference, estimate

VALUES = [27.1, 27.4, 26.9, 27.6]


def test_the_interval_is_that_of_students_t():
    found = estimate(VALUES)
    assert found is not None
    low, high = stats.t.interval(0.95, len(VALUES) - 1, found.mean, stats.sem(VALUES))
    assert found.interval == pytest.approx((low, high))
    assert (found.mean, found.count) == (pytest.approx(27.25), 4)


def test_one_value_has_no_interval_and_none_has_no_mean():
    alone = estimate([3.0])
    assert alone is not None and (alone.mean, alone.interval) == (3.0, None)
    assert estimate([]) is None


def test_a_difference_is_paired_over_the_seeds_that_both_have():
    found = difference({0: 2.0, 1: 3.0, 2: 9.0}, {0: 1.0, 1: 1.0, 7: 5.0})
    assert found is not None and (found.mean, found.count) == (1.5, 2)
