"""Solvers of dx/dt = v(x, t) on a fixed grid."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Method = Literal["euler", "midpoint", "rk4"]
Velocity = Callable[[Tensor, float], Tensor]
Step = Callable[[Velocity, Tensor, float, float], Tensor]


def euler(velocity: Velocity, x: Tensor, t: float, h: float) -> Tensor:
    """First order, 1 evaluation."""
    return x + h * velocity(x, t)


def midpoint(velocity: Velocity, x: Tensor, t: float, h: float) -> Tensor:
    """Second order, 2 evaluations."""
    return x + h * velocity(x + h / 2 * velocity(x, t), t + h / 2)


def rk4(velocity: Velocity, x: Tensor, t: float, h: float) -> Tensor:
    """The classical fourth order, 4 evaluations."""
    k1 = velocity(x, t)
    k2 = velocity(x + h / 2 * k1, t + h / 2)
    k3 = velocity(x + h / 2 * k2, t + h / 2)
    k4 = velocity(x + h * k3, t + h)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


STEPS: dict[str, Step] = {"euler": euler, "midpoint": midpoint, "rk4": rk4}
EVALUATIONS: dict[str, int] = {"euler": 1, "midpoint": 2, "rk4": 4}


def evaluations(method: Method, steps: int) -> int:
    """Evaluations of the network per generated frame (NFE)."""
    return EVALUATIONS[method] * steps


@torch.no_grad()
def integrate(
    field: Callable[[], Velocity], x: Tensor, method: Method, steps: int, start: float = 0.0
) -> Tensor:
    """x at t = 1 from x at `start`, in equal steps.

    Args:
        field: gives the velocity of the next step; it may draw another conditioning each time,
            which then holds for all evaluations of that step.
    """
    h = (1 - start) / steps
    for number in range(steps):
        x = STEPS[method](field(), x, start + number * h, h)
    return x
