"""What the ranks of a training have in common while they work on a batch, each on its share.

Rank r of n has every n-th sample of the batch. What belongs to a sample is drawn as if one rank had
them all, and what is averaged over the batch is averaged over all ranks, so that n ranks train what
one does. Outside of a training batch, as in a validation, every rank stands for itself.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, distributed


@dataclass
class Shared:
    """The batch that is being trained.

    Attributes:
        rank, count: of this process, and how many there are.
        seed: of what is drawn for the samples of the batch.
        generators: which are at the same place in all ranks, by device.
    """

    rank: int = 0
    count: int = 1
    seed: int = 0
    generators: dict[torch.device, torch.Generator] = field(default_factory=dict)


_alone = Shared()
_now = _alone


def begin(seed: int) -> None:
    """A training batch begins; all ranks give the same seed."""
    global _now  # noqa: PLW0603 - as torch's own generator, which it stands beside
    if distributed.is_available() and distributed.is_initialized():
        _now = Shared(distributed.get_rank(), distributed.get_world_size(), seed)


def end() -> None:
    """It has ended."""
    global _now  # noqa: PLW0603 - as above
    _now = _alone


def count() -> int:
    return _now.count


def is_mine(sample: Tensor) -> Tensor:
    """Whether this rank has the sample of that number in the whole batch."""
    return sample % _now.count == _now.rank


def generator(device: torch.device) -> torch.Generator | None:
    """One that draws the same in all ranks; None, which is torch's own, if there is but one."""
    if _now.count == 1:
        return None
    if device not in _now.generators:
        _now.generators[device] = torch.Generator(device).manual_seed(_now.seed)
    return _now.generators[device]


def uniform(*size: int, device: torch.device, samples: int = 0) -> Tensor:
    """U(0, 1) for the samples of this rank, which lie along the dimension `samples`."""
    whole = [n * _now.count if d == samples else n for d, n in enumerate(size)]
    return own(torch.rand(whole, generator=generator(device), device=device), samples)


def normal(*size: int, device: torch.device) -> Tensor:
    """N(0, 1) for the samples of this rank, which lie along the first dimension."""
    whole = [size[0] * _now.count, *size[1:]]
    return own(torch.randn(whole, generator=generator(device), device=device))


def own(values: Tensor, samples: int = 0) -> Tensor:
    """Of values for the whole batch, those of the samples of this rank."""
    if _now.count == 1:
        return values
    mine = torch.arange(_now.rank, values.shape[samples], _now.count, device=values.device)
    return values.index_select(samples, mine)


def mean(value: Tensor) -> Tensor:
    """The mean over all ranks; each gives the gradient of its own part, which DDP averages."""
    if _now.count == 1:
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    found = total / _now.count
    return value + (found - value.detach()) if value.requires_grad else found


def quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Sum of numerators / sum of denominators of all ranks, scalars; 0 / 0 is 0, with a graph."""
    if _now.count > 1:
        numerator, denominator = mean(torch.stack([numerator, denominator]))
    return numerator / denominator.clamp_min(torch.finfo(numerator.dtype).tiny)
