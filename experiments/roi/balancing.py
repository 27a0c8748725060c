"""Loss weights that follow the gradients of the terms."""

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from launch.tools import ranks
from launch.train.objective import Balance

Anchors = Callable[[str], list[nn.Parameter]]
MEASUREMENTS = 4  # that the mean of a gradient's norm is taken over
TINY = 1e-12


class GradNorm(Balance):
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
        terms: names of the balanced terms; all others keep their scheduled weights.
        asymmetry: how much slow terms are favoured; 0 only equalises norms.
        rate: share of the way to the optimum that a measurement moves the weights.
        every: iterations between two measurements; each costs one short backward pass per term.
        dynamic_weight_min, dynamic_weight_max: bounds of every balanced weight.

    Attributes:
        anchors: the parameters at which gradients of a term are measured, set by the recipe.
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
        super().__init__()
        self.terms = terms
        self.bounds = (dynamic_weight_min, dynamic_weight_max)
        self.anchors: Anchors = lambda name: []
        self.started: Tensor
        self.register_buffer("started", torch.zeros(len(terms), dtype=torch.bool))
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
        slots = [n for n, name in enumerate(self.terms) if name in values]
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

    def total(
        self, values: dict[str, Tensor], weights: dict[str, float], moved: dict[str, Tensor]
    ) -> Tensor:
        self.weights = {name: moved.get(name, weights[name]) for name in values}
        return super().forward(values, self.weights, 0)

    @torch.no_grad()
    def start(self, slots: list[int], values: dict[str, Tensor], weights: dict[str, float]) -> None:
        """Begin a term with its scheduled weight, and remember its first value."""
        new = ~self.started[slots]
        scheduled = self.weight.new_tensor([weights[self.terms[n]] for n in slots])
        losses = ranks.mean(torch.stack([values[self.terms[n]].detach().float() for n in slots]))
        known = torch.where(new, 0.0, self.weight[slots])
        share = torch.where(new, 0.0, scheduled).sum() / known.sum().clamp_min(TINY)
        self.weight[slots] = torch.where(new, scheduled, known * share)
        self.first[slots] = torch.where(new, losses.clamp_min(TINY), self.first[slots])
        self.started[slots] = True

    def move(self, slots: list[int], values: dict[str, Tensor]) -> None:
        """Measure, and move the weights of the terms that have begun towards their optimum."""
        slopes = torch.stack([self.slope(self.terms[n], values) for n in slots])
        losses = ranks.mean(torch.stack([values[self.terms[n]].detach().float() for n in slots]))
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
        parts = [ranks.mean(g.float()).square().sum() for g in found if g is not None]
        return torch.stack(parts).sum().sqrt() if parts else torch.zeros((), device=value.device)
