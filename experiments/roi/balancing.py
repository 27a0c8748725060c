"""Loss weights that follow the terms: GradNorm as published, and cheaper ways."""

from collections.abc import Callable
from functools import reduce

import torch
import torch.distributed
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from launch.train.objective import Balance

Anchors = Callable[[str], list[nn.Parameter]]


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
    target_i = mean(G) r_i^asymmetry held fixed, where r_i is L_i / L_i(0) over its mean (Chen et
    al., ICML 2018). They are learnt by Adam on log w, so that they stay positive and terms of any
    scale move alike, then renormalised to a sum of n, then bounded.

    The published method measures at the last layer that all terms share. The classification terms
    and the area terms share none, so that each is measured at the last layer of its own network.

    Args:
        asymmetry: how much slow terms are favoured; 0 only equalises norms.
        rate: relative change of a weight per update.
        every: iterations between two updates; each costs one short backward pass per term.
    """

    def __init__(
        self,
        terms: list[str],
        asymmetry: NonNegativeFloat = 0.12,
        rate: PositiveFloat = 0.025,
        every: PositiveInt = 16,
        dynamic_weight_min: PositiveFloat = 1e-3,
        dynamic_weight_max: PositiveFloat = 1e3,
    ) -> None:
        super().__init__(terms, dynamic_weight_min, dynamic_weight_max)
        self.asymmetry, self.rate, self.every = asymmetry, rate, every
        self.weight: Tensor
        self.first: Tensor
        self.moments: Tensor
        self.updates: Tensor
        self.register_buffer("weight", torch.ones(len(terms)))
        self.register_buffer("first", torch.ones(len(terms)))
        self.register_buffer("moments", torch.zeros(2, len(terms)))
        self.register_buffer("updates", torch.zeros(()))

    def forward(
        self, values: dict[str, Tensor], weights: dict[str, float], iteration: int
    ) -> Tensor:
        slots = self.slots(values)
        self.start(slots, values, weights)
        if iteration % self.every == 0:
            self.update(slots, values)
        return self.total(values, weights, {self.terms[n]: self.weight[n].clone() for n in slots})

    @torch.no_grad()
    def start(self, slots: list[int], values: dict[str, Tensor], weights: dict[str, float]) -> None:
        """Begin a term with its scheduled weight, and remember its first value."""
        for n in slots:
            name, new = self.terms[n], ~self.started[n]
            scheduled = torch.as_tensor(weights[name]).to(self.weight)
            value = values[name].detach().to(self.first).clamp_min(1e-8)
            self.weight[n] = torch.where(new, scheduled, self.weight[n])
            self.first[n] = torch.where(new, value, self.first[n])
            self.started[n] = True

    def update(self, slots: list[int], values: dict[str, Tensor]) -> None:
        slopes = torch.stack([self.slope(self.terms[n], values) for n in slots])
        losses = torch.stack([values[self.terms[n]].detach().float() for n in slots])
        if torch.distributed.is_initialized():
            both = torch.stack([slopes, losses])
            torch.distributed.all_reduce(both)
            slopes, losses = both / torch.distributed.get_world_size()
        with torch.no_grad():
            norms = self.weight[slots] * slopes
            ratios = losses / self.first[slots]
            ratios = ratios / ratios.mean().clamp_min(1e-12)
            target = norms.mean() * ratios**self.asymmetry
            moved = self.adam(slots, torch.sign(norms - target) * norms)
            moved = moved * len(slots) / moved.sum()
            self.weight[slots] = moved.clamp(*self.bounds)

    def adam(self, slots: list[int], gradient: Tensor) -> Tensor:
        """Weights after one Adam step on their logarithms (betas 0.9 and 0.999)."""
        self.updates += 1
        first, second = self.moments[:, slots]
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        self.moments[:, slots] = torch.stack([first, second])
        mean, square = first / (1 - 0.9**self.updates), second / (1 - 0.999**self.updates)
        return self.weight[slots] * torch.exp(-self.rate * mean / (square.sqrt() + 1e-12))

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
