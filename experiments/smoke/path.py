"""Which way from noise to the next frame: the probability path, and what it is conditioned on.

The path of optimal-transport flow matching (Lipman et al., ICLR 2023, equations 20 to 23) and the
conditioning on the last and on one earlier frame of Davtyan, Sameni and Favaro, ICCV 2023.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FlowPath:
    """x_t = (1 - (1 - sigma) t) e + t x_1, from noise e at t = 0 to the frame x_1 at t = 1.

    Its velocity x_1 - (1 - sigma) e does not depend on t. In this closed form nothing is divided
    by a vanishing 1 - (1 - sigma) t.

    Args:
        sigma: noise that is left at t = 1.
    """

    sigma: float = 1e-3

    def position(self, noise: Tensor, frame: Tensor, t: Tensor) -> Tensor:
        """x_t for times t (B,) of noise and frames (B, ...)."""
        t = t.view(-1, *[1] * (frame.ndim - 1))
        return (1 - (1 - self.sigma) * t) * noise + t * frame

    def velocity(self, noise: Tensor, frame: Tensor) -> Tensor:
        """dx_t / dt, what the network learns."""
        return frame - (1 - self.sigma) * noise


@dataclass(frozen=True)
class Conditioning:
    """Frame numbers (B,): `target` is to be found from `reference` = target - 1 and `context`."""

    target: Tensor
    reference: Tensor
    context: Tensor

    @property
    def distance(self) -> Tensor:
        """Frames from the context to the reference, at least 1."""
        return self.reference - self.context

    @property
    def numbers(self) -> Tensor:
        """(B, 3) in order of time: context, reference, target."""
        return torch.stack([self.context, self.reference, self.target], 1)


def draw(lengths: Tensor, uniform: Tensor) -> Conditioning:
    """Targets from 2 on, and contexts before their references.

    Args:
        lengths: frames of each clip (B,), at least 3.
        uniform: random numbers in [0, 1), (2, B) in double precision.
    """
    target = 2 + (uniform[0] * (lengths - 2)).long()
    return Conditioning(target, target - 1, (uniform[1] * (target - 1)).long())


def pick(frames: Tensor, numbers: Tensor) -> Tensor:
    """Frame `numbers[b]` of every clip of (B, T, ...), or frames if `numbers` is (B, n)."""
    clips = torch.arange(len(frames), device=frames.device)
    return frames[clips.view(-1, *[1] * (numbers.ndim - 1)), numbers]
