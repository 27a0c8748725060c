"""Means with their 95 % intervals, and paired differences. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from scipy.special import stdtrit

Values = dict[int, float]  # by seed


@dataclass(frozen=True)
class Estimate:
    """A mean of `count` values and half the width of its 95 % interval, None below two values."""

    mean: float
    half_width: float | None
    count: int

    @property
    def interval(self) -> tuple[float, float] | None:
        if self.half_width is None:
            return None
        return self.mean - self.half_width, self.mean + self.half_width


def estimate(values: Sequence[float]) -> Estimate | None:
    """Mean and Student's interval, `mean ± t(0.975, n - 1) s / sqrt(n)`; None without values."""
    if not values:
        return None
    count = len(values)
    if count == 1:
        return Estimate(values[0], None, 1)
    half_width = float(stdtrit(count - 1, 0.975)) * stdev(values) / sqrt(count)
    return Estimate(fmean(values), half_width, count)


def difference(values: Values, reference: Values) -> Estimate | None:
    """The paired difference over the seeds that both have."""
    return estimate([values[seed] - reference[seed] for seed in values if seed in reference])
