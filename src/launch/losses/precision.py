"""Float32 islands in a run of lower precision."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

import torch
from torch import Tensor


def no_autocast(tensor: Tensor) -> AbstractContextManager:
    """Compute in the dtype of the inputs on the device of `tensor`."""
    return torch.autocast(tensor.device.type, enabled=False)


def widen(value: Any) -> Any:
    """float16 and bfloat16 tensors as float32; everything else as it is."""
    half = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if half else value


def full_precision(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Evaluate a loss in at least float32 whatever the precision of the run.

    For losses that subtract nearly equal numbers, such as a local variance E[x^2] - E[x]^2.
    """

    @wraps(forward)
    def widened(self: Any, pred: Tensor, *rest: Tensor | None, **named: Tensor | None) -> Tensor:
        with no_autocast(pred):
            named = {name: widen(value) for name, value in named.items()}
            return forward(self, widen(pred), *map(widen, rest), **named)

    return widened
