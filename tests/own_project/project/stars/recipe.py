from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from launch.train.data import ScheduledDataModule, rng
from launch.train.module import ScheduledModule


class Skies(ScheduledDataModule):
    def load(self, stage: str) -> None:
        self.train_set, self.validation_set = Sky(self.seed, 64), Sky(1 << 20, 2)


class Sky(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, seed: int, count: int) -> None:
        self.seed, self.count = seed, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: Any) -> tuple[Tensor, Tensor]:
        random = rng(self.seed, *(key if isinstance(key, tuple) else (0, key)))
        sky = torch.from_numpy(random.random((1, 16, 16), "float32") ** 8)
        return sky + 0.2 * torch.from_numpy(random.standard_normal((1, 16, 16), "float32")), sky


class Cleaner(ScheduledModule):
    def __init__(self, losses: Any, optimizer: Any, width: int = 8) -> None:
        super().__init__(losses, optimizer)
        layers = nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 1, 3, padding=1)
        self.network, self.errors = nn.Sequential(*layers, nn.Dropout(0.1)), []

    def mask_state(self, batch: Any) -> dict[str, Any]:
        return {"size": (16, 16)}

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        pred = self.network(batch[0])
        peaks = (pred, batch[1], self.scheduled_masks.effective("peaks"))
        return self.losses(peaks=peaks, pixel=(pred, batch[1]))[0]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.errors.append(float((self.network(batch[0]) - batch[1]).abs().mean()))

    def on_validation_epoch_end(self) -> None:
        self.log_metrics({"error": sum(self.errors) / len(self.errors)})
        self.errors = []

    def predict(self, source: Path, destination: Path) -> dict[str, float]:
        torch.save(self.network(torch.load(source)), destination)
        return {"skies": 1}
