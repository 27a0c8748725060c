"""Generating frames one after the other, each from the last and from an earlier one."""

from collections.abc import Callable
from typing import Annotated

import torch
from launch.experiments.smoke.path import pick
from launch.experiments.smoke.samplers import Method, Velocity, evaluations, integrate
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor

# B clips, D latent channels, h w latent cells; latents are standardised

Network = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


class Sampling:
    """How frames are generated.

    Args:
        method, steps: the solver, and its steps per frame.
        given: frames that are given; a single one is taken twice.
        warm_start: share w of the last latent in the start (1 - (1 - sigma) w) noise + w last, at
            t = w; 0 starts from noise.
        past_horizon: how many of the latest frames may be the context; null for all.
        samples: futures drawn for each clip.
        seed: of noise and contexts.
    """

    def __init__(
        self,
        method: Method = "midpoint",
        steps: PositiveInt = 8,
        given: PositiveInt = 2,
        warm_start: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        past_horizon: PositiveInt | None = None,
        samples: PositiveInt = 4,
        seed: NonNegativeInt = 0,
    ) -> None:
        self.method: Method = method
        self.steps, self.given, self.warm_start = steps, given, warm_start
        self.past_horizon, self.samples, self.seed = past_horizon, samples, seed

    @property
    def nfe(self) -> int:
        """Evaluations of the network per frame."""
        return evaluations(self.method, self.steps)

    @torch.no_grad()
    def rollout(self, network: Network, given: Tensor, frames: int, sigma: float) -> Tensor:
        """Futures (B, frames, D, h, w) of given latents (B, n, D, h, w).

        Clips given as one batch get other noise than one by one; the same batch, the same.
        """
        generator = torch.Generator().manual_seed(self.seed)
        known = given if given.shape[1] > 1 else given.repeat(1, 2, 1, 1, 1)
        observed = known.shape[1]
        for _ in range(frames):
            last = known[:, -1]
            noise = torch.randn(last.shape, generator=generator).to(last)
            start = (1 - (1 - sigma) * self.warm_start) * noise + self.warm_start * last

            def field(known: Tensor = known) -> Velocity:
                return self._field(network, known, generator)

            frame = integrate(field, start, self.method, self.steps, self.warm_start)
            known = torch.cat([known, frame[:, None]], 1)
        return known[:, observed:]

    def _field(self, network: Network, known: Tensor, generator: torch.Generator) -> Velocity:
        """The velocity given the last frame and an earlier one, drawn for each clip."""
        clips, count = known.shape[:2]
        first = max(0, count - 1 - self.past_horizon) if self.past_horizon else 0
        context = torch.randint(first, count - 1, (clips,), generator=generator).to(known.device)
        reference, chosen = known[:, -1], pick(known, context)
        distance = count - 1 - context

        def velocity(x: Tensor, t: float) -> Tensor:
            times = torch.full((clips,), t, device=x.device)
            return network(x, reference, chosen, times, distance)

        return velocity
