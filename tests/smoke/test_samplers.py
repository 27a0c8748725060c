import math

import pytest
import torch
from launch.experiments.smoke.samplers import evaluations, integrate


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_halving_the_step_divides_the_error_by_two_to_the_order(method, order):
    def error(steps):
        start = torch.ones(1, dtype=torch.float64)
        end = integrate(lambda: lambda x, t: -2 * x * (1 + t), start, method, steps)
        return abs(float(end) - math.exp(-3))

    assert math.log2(error(20) / error(40)) == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("method", ["euler", "midpoint", "rk4"])
def test_evaluations_are_counted(method):
    calls, fields = [], []

    def field():
        fields.append(1)
        return lambda x, t: calls.append(t) or x

    integrate(field, torch.ones(1), method, 7)
    assert len(calls) == evaluations(method, 7)
    assert len(fields) == 7, "one conditioning per step"


def test_a_warm_start_integrates_the_rest_of_the_way():
    end = integrate(lambda: lambda x, t: torch.ones_like(x), torch.zeros(1), "euler", 5, start=0.25)
    assert float(end) == pytest.approx(0.75)
