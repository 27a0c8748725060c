"""Data of one's own: discs on noise. Every draw depends on (seed, epoch, index) alone."""

import numpy as np
import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.utils.data import Dataset

from launch.train.data import Key, ScheduledDataModule, rng


class Discs(ScheduledDataModule):
    """Pictures of discs, clean and noisy, (1, size, size) in [0, 1] before the noise.

    Args:
        batch_size: pictures in a training batch.
        size: side in pixels.
        samples: pictures in an epoch.
        noise: standard deviation.
    """

    def __init__(
        self,
        batch_size: PositiveInt = 8,
        size: PositiveInt = 32,
        samples: PositiveInt = 64,
        noise: NonNegativeFloat = 0.3,
    ) -> None:
        super().__init__(batch_size)
        self.size, self.samples, self.noise = size, samples, noise

    def load(self, stage: str) -> None:
        self.train_set = Drawn(self, self.samples)
        self.validation_set = Drawn(self, 8, held_out=True)

    def fingerprint(self) -> str:
        return f"discs-{self.size}-{self.samples}-{self.noise}"


class Drawn(Dataset[dict[str, Tensor]]):
    """`count` pictures; those held out are the same in every run."""

    def __init__(self, data: Discs, count: int, held_out: bool = False) -> None:
        self.data, self.count, self.held_out = data, count, held_out

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: Key | int) -> dict[str, Tensor]:
        seed, size = self.data.seed, self.data.size
        random = rng(0, 1 << 30, int(key)) if isinstance(key, int) else rng(seed, *key)
        y, x = np.mgrid[:size, :size] / size
        centre, radius = random.uniform(0.3, 0.7, 2), random.uniform(0.1, 0.3)
        clean = (np.hypot(y - centre[0], x - centre[1]) < radius).astype(np.float32)[None]
        noisy = clean + self.data.noise * random.standard_normal(clean.shape).astype(np.float32)
        return {"clean": torch.from_numpy(clean), "noisy": torch.from_numpy(noisy)}
