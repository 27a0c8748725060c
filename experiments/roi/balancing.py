"""Loss weights that follow the terms: GradNorm as published, and cheaper ways."""

from collections.abc import Callable
from functools import reduce
from typing import Annotated

import torch
import torch.distributed
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from launch.train.objective import Balance

Anchors = Callable[[str], list[nn.Parameter]]
MEASUREMENTS = 4  # that the mean of a gradient's norm is taken over
TINY = 1e-12


class MovingBalance(Balance):
    """Balances some of the terms; all others keep their scheduled weights.

    Args:
        terms: names of the balanced terms.
        dynamic_weight_min, dynamic_weight_max: bounds of every balanced weight.

    Attributes:
        anchors: the parameters at which gradients of a term are measured, set by the recipe.
    """

    def __init__(
        self, terms: list[str], dynamic_weight_min: float, dynamic_weight_max: float
    ) -> None:
        super().__init__()
        self.terms = terms
        self.bounds = (dynamic_weight_min, dynamic_weight_max)
        self.anchors: Anchors = lambda name: []
        self.started: Tensor
        self.register_buffer("started", torch.zeros(len(terms), dtype=torch.bool))

    def slots(self, values: dict[str, Tensor]) -> list[int]:
        """Positions in `terms` of those that are active."""
        return [n for n, name in enumerate(self.terms) if name in values]

    def total(
        self, values: dict[str, Tensor], weights: dict[str, float], moved: dict[str, Tensor]
    ) -> Tensor:
        self.weights = {name: moved.get(name, weights[name]) for name in values}
        return reduce(torch.add, [self.weights[name] * value for name, value in values.items()])


class GradNorm(MovingBalance):
    """Gradients of equal norm, larger for terms that train slowly.

    The weights w minimise sum |G_i - target_i| with G_i = w_i |grad L_i| at the anchors and
    target_i = mean(G) r_i^asymmetry, where r_i is L_i / L_i(0) over its mean (Chen et al., ICML
    2018). Their optimum for the gradients of the moment is w_i ~ r_i^asymmetry / |grad L_i|. The
    published method walks there by steps of an optimizer, one an iteration; this one measures
    every n iterations only, and goes `rate` of the way on the logarithms: after k measurements
    the ratio of two weights is off by the power (1 - rate)^k of what it was off at first, whatever
    their scales.

    Weights begin as scheduled, and go on to sum to what the scheduled ones would, then they are
    bounded. (Published is a sum of n, from a start at 1 each: the same.)

    The published method measures at the last layer that all terms share. The classification terms
    and the area terms share none, so that each is measured at the last layer of its own network.

    Args:
        asymmetry: how much slow terms are favoured; 0 only equalises norms.
        rate: share of the way to the optimum that a measurement moves the weights.
        every: iterations between two measurements; each costs one short backward pass per term.

    Attributes:
        slopes: logarithm of the norm of each unweighted gradient, a mean over the last few
            measurements, of which there are `measured`.
    """

    def __init__(
        self,
        terms: list[str],
        asymmetry: NonNegativeFloat = 0.12,
        rate: Annotated[float, Field(gt=0, le=1)] = 0.5,
        every: PositiveInt = 16,
        dynamic_weight_min: PositiveFloat = 1e-3,
        dynamic_weight_max: PositiveFloat = 1e3,
    ) -> None:
        super().__init__(terms, dynamic_weight_min, dynamic_weight_max)
        self.asymmetry, self.rate, self.every = asymmetry, rate, every
        self.weight: Tensor
        self.first: Tensor
        self.slopes: Tensor
        self.measured: Tensor
        self.register_buffer("weight", torch.ones(len(terms)))
        self.register_buffer("first", torch.ones(len(terms)))
        self.register_buffer("slopes", torch.zeros(len(terms)))
        self.register_buffer("measured", torch.zeros(len(terms)))
        self.moved_at = -1

    def forward(
        self, values: dict[str, Tensor], weights: dict[str, float], iteration: int
    ) -> Tensor:
        slots = self.slots(values)
        if not slots:
            return self.total(values, weights, {})
        if iteration % self.every == 0 and iteration != self.moved_at:  # once for all micro-batches
            self.moved_at = iteration
            self.move(slots, values)
        self.start(slots, values, weights)
        moved = self.weight[slots]
        moved = moved * sum(weights[self.terms[n]] for n in slots) / moved.sum()
        bounded = moved.clamp(*self.bounds).unbind()
        names = [self.terms[n] for n in slots]
        return self.total(values, weights, dict(zip(names, bounded, strict=True)))

    @torch.no_grad()
    def start(self, slots: list[int], values: dict[str, Tensor], weights: dict[str, float]) -> None:
        """Begin a term with its scheduled weight, and remember its first value."""
        new = ~self.started[slots]
        scheduled = self.weight.new_tensor([weights[self.terms[n]] for n in slots])
        losses = torch.stack([values[self.terms[n]].detach().float() for n in slots])
        known = torch.where(new, 0.0, self.weight[slots])
        share = torch.where(new, 0.0, scheduled).sum() / known.sum().clamp_min(TINY)
        self.weight[slots] = torch.where(new, scheduled, known * share)
        self.first[slots] = torch.where(new, losses.clamp_min(TINY), self.first[slots])
        self.started[slots] = True

    def move(self, slots: list[int], values: dict[str, Tensor]) -> None:
        """Measure, and move the weights of the terms that have begun towards their optimum."""
        slopes = torch.stack([self.slope(self.terms[n], values) for n in slots])
        losses = torch.stack([values[self.terms[n]].detach().float() for n in slots])
        if torch.distributed.is_initialized():
            both = torch.stack([slopes, losses])
            torch.distributed.all_reduce(both)
            slopes, losses = both / torch.distributed.get_world_size()
        with torch.no_grad():
            live = slopes > 0
            count = (self.measured[slots] + live).clamp(1, MEASUREMENTS)
            gained = (slopes.clamp_min(TINY).log() - self.slopes[slots]) / count
            self.slopes[slots] += torch.where(live, gained, 0.0)
            self.measured[slots] = count
            ratios = losses / self.first[slots]
            ratios = ratios / ratios.mean().clamp_min(TINY)
            optimum = self.asymmetry * ratios.clamp_min(TINY).log() - self.slopes[slots]
            moving = live & self.started[slots]
            current = self.weight[slots].log()
            mean = torch.where(moving, current - optimum, 0.0).sum() / moving.sum().clamp_min(1)
            moved = torch.lerp(current, optimum + mean, self.rate).exp()
            self.weight[slots] = torch.where(moving, moved, self.weight[slots])

    def slope(self, name: str, values: dict[str, Tensor]) -> Tensor:
        """Norm of the gradient of one unweighted term at its anchors."""
        value, anchors = values[name], self.anchors(name)
        if not value.requires_grad or not anchors:
            return torch.zeros((), device=value.device)
        found = torch.autograd.grad(value, anchors, retain_graph=True, allow_unused=True)
        parts = [g.float().square().sum() for g in found if g is not None]
        return torch.stack(parts).sum().sqrt() if parts else torch.zeros((), device=value.device)


class Magnitude(MovingBalance):
    """w_i = scheduled_i / running mean of L_i: terms of equal size. Free.

    A term that goes to 0 would get any weight; the upper bound is what stops it.

    Args:
        decay: of the running mean.
    """

    def __init__(
        self,
        terms: list[str],
        decay: NonNegativeFloat = 0.99,
        dynamic_weight_min: PositiveFloat = 1e-3,
        dynamic_weight_max: PositiveFloat = 10.0,
    ) -> None:
        super().__init__(terms, dynamic_weight_min, dynamic_weight_max)
        self.decay = decay
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(len(terms)))

    def forward(
        self, values: dict[str, Tensor], weights: dict[str, float], iteration: int
    ) -> Tensor:
        moved = {}
        for n in self.slots(values):
            name = self.terms[n]
            value = values[name].detach().to(self.mean)
            mixed = self.decay * self.mean[n] + (1 - self.decay) * value
            self.mean[n] = torch.where(self.started[n], mixed, value)
            self.started[n] = True
            moved[name] = (weights[name] / self.mean[n].clamp_min(1e-12)).clamp(*self.bounds)
        return self.total(values, weights, moved)


class DynamicWeightAverage(MovingBalance):
    """w_i = scheduled_i n softmax(r_i / temperature), r_i = the ratio of its last two means. Free.

    A term that falls slowly gets more weight (Liu, Johns and Davison, CVPR 2019, with their 2 as
    the temperature). Means are taken over `window` iterations.
    """

    def __init__(
        self,
        terms: list[str],
        window: PositiveInt = 100,
        temperature: PositiveFloat = 2.0,
        dynamic_weight_min: PositiveFloat = 1e-3,
        dynamic_weight_max: PositiveFloat = 1e3,
    ) -> None:
        super().__init__(terms, dynamic_weight_min, dynamic_weight_max)
        self.window, self.temperature = window, temperature
        self.means: Tensor
        self.ratio: Tensor
        self.register_buffer("means", torch.zeros(2, len(terms)))
        self.register_buffer("ratio", torch.ones(len(terms)))

    def forward(
        self, values: dict[str, Tensor], weights: dict[str, float], iteration: int
    ) -> Tensor:
        slots = self.slots(values)
        if iteration and iteration % self.window == 0:
            self.turn()
        for n in slots:
            self.means[1, n] += values[self.terms[n]].detach().to(self.means) / self.window
        shares = len(slots) * torch.softmax(self.ratio[slots] / self.temperature, 0)
        names = [self.terms[n] for n in slots]
        moved = {
            name: (weights[name] * share).clamp(*self.bounds)
            for name, share in zip(names, shares, strict=True)
        }
        return self.total(values, weights, moved)

    def turn(self) -> None:
        """Close a window: ratio of the last two means, 1 while there is only one."""
        before, last = self.means
        known = before > 0
        self.ratio = torch.where(known, last / before.clamp_min(1e-12), torch.ones_like(last))
        self.means = torch.stack([last, torch.zeros_like(last)])


class Uncertainty(MovingBalance):
    """sum scheduled_i exp(-s_i) L_i + s_i with learnt s (Kendall, Gal and Cipolla, CVPR 2018)."""

    def __init__(
        self,
        terms: list[str],
        dynamic_weight_min: PositiveFloat = 1e-3,
        dynamic_weight_max: PositiveFloat = 10.0,
    ) -> None:
        super().__init__(terms, dynamic_weight_min, dynamic_weight_max)
        self.log_variance = nn.Parameter(torch.zeros(len(terms)))

    def forward(
        self, values: dict[str, Tensor], weights: dict[str, float], iteration: int
    ) -> Tensor:
        slots = self.slots(values)
        factors = torch.exp(-self.log_variance).clamp(*self.bounds)
        moved = {self.terms[n]: weights[self.terms[n]] * factors[n] for n in slots}
        total = self.total(values, weights, moved) + self.log_variance[slots].sum()
        self.weights = {
            k: v.detach() if isinstance(v, Tensor) else v for k, v in self.weights.items()
        }
        return total


class AreaController(MovingBalance):
    """Raises the weight of one term until its value stays below a limit, and lowers it again.

    The multiplier of the constraint L <= limit by dual ascent on its logarithm:
    log w += gain clamp(L / limit - 1, -1, 1). Free, and replaces tuning the weight.

    Args:
        terms: the one term, such as `[volume]`.
        limit: for the volume term the square of the tolerated error of the area.
        gain: largest relative change of the weight in one update.
    """

    def __init__(
        self,
        terms: list[str],
        limit: PositiveFloat = 1e-4,
        gain: PositiveFloat = 0.01,
        dynamic_weight_min: PositiveFloat = 1.0,
        dynamic_weight_max: PositiveFloat = 1e3,
    ) -> None:
        super().__init__(terms, dynamic_weight_min, dynamic_weight_max)
        self.limit, self.gain = limit, gain
        self.weight: Tensor
        self.register_buffer("weight", torch.zeros(len(terms)))

    def forward(
        self, values: dict[str, Tensor], weights: dict[str, float], iteration: int
    ) -> Tensor:
        moved = {}
        for n in self.slots(values):
            name = self.terms[n]
            scheduled = torch.as_tensor(weights[name]).to(self.weight)
            current = torch.where(self.started[n], self.weight[n], scheduled)
            excess = (values[name].detach().to(self.weight) / self.limit - 1).clamp(-1, 1)
            self.weight[n] = (current * torch.exp(self.gain * excess)).clamp(*self.bounds)
            self.started[n] = True
            moved[name] = self.weight[n].clone()
        return self.total(values, weights, moved)
