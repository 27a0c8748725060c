"""Data whose every random draw depends on (seed, epoch, index), never on the process history."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from launch.errors import ConfigError
from launch.record.stopping import leave_to_parent

Key = tuple[int, int]


def rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The generator of one sample: the same whoever draws it, whenever."""
    return np.random.default_rng([seed, epoch, index])


class StreamSampler(Sampler[Key]):
    """Keys `(epoch, index)` for a whole run, epoch after epoch, from any batch on.

    A run is one stream, so resuming is a matter of starting further on. Each epoch is a new
    permutation, or what `datamodule.order(epoch)` says. Rank r of n takes every n-th key.
    """

    def __init__(self, datamodule: "ScheduledDataModule", rank: int = 0) -> None:
        self.datamodule, self.rank = datamodule, rank

    def __len__(self) -> int:
        batches = self.datamodule.last_batch - self.datamodule.first_batch
        return batches * self.datamodule.batch_size

    def __iter__(self) -> Iterator[Key]:
        data = self.datamodule
        size = data.dealt_per_epoch
        first = data.position(data.first_batch) + self.rank
        for position in range(first, first + len(self) * data.ranks, data.ranks):
            epoch, offset = divmod(position, size)
            order = data.cached_order(epoch)
            yield epoch, int(order[offset % len(order)])


class ClockedLoader(DataLoader[Any]):
    """Adds up the seconds that a training waits for its batches, in `waited`."""

    waited = 0.0
    waits = False
    """Whether the process stands still in a loader."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        batches = super().__iter__()
        while True:
            asked = time.perf_counter()
            ClockedLoader.waits = True
            try:
                batch = next(batches, None)
            finally:
                ClockedLoader.waits = False
            self.waited += time.perf_counter() - asked
            if batch is None:
                return
            yield batch


class ScheduledDataModule(pl.LightningDataModule):
    """Train and validation loaders of a scenario.

    A subclass sets `train_set`, which takes keys `(epoch, index)`, and `validation_set` in
    `load`, and may override `order`, `fingerprint` and `report`.

    Args:
        batch_size: samples in a training batch, per process.
        workers: loader processes; 0 loads in the training process.

    Attributes:
        seed: the run's, written by the worker; it moves order and augmentation.
        prefetch: batches that each loader process makes ahead, written by the worker.
        loader_timeout: seconds to wait for their next batch, 0 for ever; written by the worker.
        ranks: number of processes that share the data, written by the worker.
        first_batch, last_batch: the part of the stream to train on, written by the worker.
        ahead: samples by which the stream is further on than batches of this size say.
    """

    def __init__(self, batch_size: int, workers: int = 0) -> None:
        super().__init__()
        self.batch_size, self.workers, self.seed = batch_size, workers, 0
        self.train_set: Dataset[Any] | None = None
        self.validation_set: Dataset[Any] | None = None
        self.prefetch, self.loader_timeout = 2, 0
        self.ranks = 1
        self.first_batch = 0
        self.last_batch = 0
        self.ahead = 0
        self._loaded = False
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def load(self, stage: str) -> None:
        """Read what `fit`, `validate` or `test` needs and set the data sets; called once."""
        raise NotImplementedError

    def setup(self, stage: str) -> None:
        if not self._loaded:
            self.load(stage)
            self._loaded = True

    @property
    def batches_per_epoch(self) -> int:
        """Whole batches in one pass; the remainder of a permutation is left out."""
        return max(1, len(self.train_set) // (self.batch_size * self.ranks))  # type: ignore[arg-type]

    @property
    def dealt_per_epoch(self) -> int:
        """Samples of all ranks in one pass."""
        return self.batches_per_epoch * self.batch_size * self.ranks

    def position(self, batches: int) -> int:
        """Samples of the stream before a batch, of all ranks."""
        return batches * self.batch_size * self.ranks + self.ahead

    def state_dict(self) -> dict[str, Any]:
        """Epoch, and how many samples of it have been dealt out, for whatever batches follow."""
        assert self.trainer is not None
        module: Any = self.trainer.lightning_module
        return {"position": list(divmod(self.position(module.batches), self.dealt_per_epoch))}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        epoch, dealt = state_dict["position"]
        begun = epoch * self.dealt_per_epoch + min(dealt, self.dealt_per_epoch)
        self.ahead += begun - self.position(self.first_batch)

    def order(self, epoch: int) -> np.ndarray:
        """Sample indices of one epoch: a permutation, the same for every process."""
        return rng(self.seed, epoch, -1 & 0xFFFF_FFFF).permutation(len(self.train_set))  # type: ignore[arg-type]

    def cached_order(self, epoch: int) -> np.ndarray:
        if self._order[0] != epoch:
            self._order = (epoch, self.order(epoch))
        return self._order[1]

    def inspect(self, folder: Path) -> list[str]:
        """What was found, how it is read, what is assumed and left out, a line each.

        Args:
            folder: gets pictures of it.
        """
        raise ConfigError(f"{type(self).__name__} has no task=inspect; write its inspect(folder)")

    def fingerprint(self) -> str:
        """Identifies the data, for run.json: another fingerprint means other data."""
        return ""

    def report(self) -> dict[str, Any]:
        """What happened to the data, for run.json, such as the files that were skipped."""
        return {}

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """As in Lightning, but a batch that stays on the CPU is not walked through."""
        if device.type == "cpu":
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def train_dataloader(self) -> DataLoader[Any]:
        assert self.train_set is not None
        trainer = self.trainer
        rank = trainer.global_rank if trainer else 0
        return ClockedLoader(
            self.train_set,
            self.batch_size,
            sampler=StreamSampler(self, rank),
            num_workers=self.workers,
            prefetch_factor=self.prefetch if self.workers else None,
            persistent_workers=self.workers > 0,
            timeout=self.loader_timeout if self.workers else 0,
            worker_init_fn=leave_to_parent,
            pin_memory=bool(trainer and trainer.strategy.root_device.type == "cuda"),
        )

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        if self.validation_set is None:
            return []
        return DataLoader(self.validation_set, batch_size=1, num_workers=0)
