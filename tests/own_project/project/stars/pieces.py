from dataclasses import dataclass, field
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from launch.losses.masked_mean import masked_mean


class Peaks(nn.Module):
    honours_masks = True

    def __init__(self, emphasis: float = 2.0) -> None:
        super().__init__()
        self.emphasis = emphasis

    def forward(self, pred: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        return masked_mean((pred - target) ** 2 * (1 + self.emphasis * target), mask)


@dataclass(frozen=True)
class Curtain:
    columns: float = 1.0
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False)

    def generate(self, iteration: int, state: Any, size: Any, device: Any) -> Tensor:
        self.memory["open"] = max(self.memory.get("open", 0), self.columns * iteration)
        is_open = torch.arange(size[1], device=device) <= self.memory["open"]
        return is_open.float().expand(1, 1, *size)


class Count(pl.Callback):
    batches = 0

    def on_train_batch_end(self, *_: Any) -> None:
        self.batches += 1

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.batches = state_dict["batches"]
