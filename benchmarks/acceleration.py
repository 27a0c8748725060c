"""What `trainer.{channels_last,compile,activation_checkpointing,prefetch}` do on one CPU thread.

    python benchmarks/acceleration.py

A step of SR's compact network; memory is what the forward pass keeps for the backward pass.
"""

import time
from functools import partial
from statistics import median
from typing import Any

import torch
from spandrel.architectures.Compact import Compact
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from launch.schedules import Constant
from launch.train.acceleration import prepare_module
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses, Term

STEPS, BATCH, SIDE = 15, 4, 32
BASE = {"precision": "32-true", "accelerator": "cpu"}


class Kept:
    """Bytes of the tensors that a forward pass keeps, each storage once."""

    def __init__(self, module: nn.Module) -> None:
        self.weights = {p.untyped_storage().data_ptr() for p in module.parameters()}
        self.sizes: dict[int, int] = {}

    def note(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.weights:
            self.sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    @property
    def mebibytes(self) -> float:
        return sum(self.sizes.values()) / 2**20


def recipe(**settings: Any) -> ScheduledModule:
    torch.manual_seed(0)
    losses = ScheduledLosses({"pixel": Term(nn.L1Loss(), Constant(1.0))})
    module = ScheduledModule(losses, partial(torch.optim.AdamW, lr=1e-4))
    module.network = Compact(num_feat=64, num_conv=16, upscale=4)
    prepare_module(module, BASE | settings)
    return module


def step(module: ScheduledModule, low: Tensor, high: Tensor) -> Tensor:
    loss = (module.network(low) - high).abs().mean()  # type: ignore[operator]
    loss.backward()
    return loss


def compare() -> None:
    """CPU milliseconds of a step of each setting against none, in turns, and what is kept."""
    low, high = torch.rand(BATCH, 3, SIDE, SIDE), torch.rand(BATCH, 3, 4 * SIDE, 4 * SIDE)
    cases: dict[str, dict[str, Any]] = {
        "none": {},
        "channels_last": {"channels_last": True},
        "activation_checkpointing": {"activation_checkpointing": ["network"]},
        "compile": {"compile": True},
    }
    modules = {name: recipe(**settings) for name, settings in cases.items()}
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for name, module in modules.items():
        kept, begun = Kept(module), time.process_time()
        with torch.autograd.graph.saved_tensors_hooks(kept.note, lambda tensor: tensor):
            loss = (module.network(low) - high).abs().mean()  # type: ignore[operator]
        loss.backward()
        first = time.process_time() - begun
        print(f"{name:26} first step {first:7.2f} s, kept {kept.mebibytes:7.2f} MiB", flush=True)
    for _ in range(STEPS):
        for name, module in modules.items():
            begun = time.process_time()
            step(module, low, high)
            seconds[name].append(time.process_time() - begun)
    for name, found in seconds.items():
        ratios = [mine / other for mine, other in zip(found, seconds["none"], strict=True)]
        print(f"{name:26} {1000 * median(found):7.2f} ms a step, {median(ratios):.3f} x")


class Uneven(Dataset[Tensor]):
    """Every fourth sample takes as long as four steps, the others nothing."""

    def __len__(self) -> int:
        return 80

    def __getitem__(self, index: int) -> Tensor:
        time.sleep(0.08 if index % 4 == 0 else 0.0)
        return torch.zeros(1)


def prefetching() -> None:
    """Seconds that a training of 20 ms a step waits for one worker whose batches are uneven."""
    for factor in (1, 2, 4, 8):
        loader = iter(DataLoader(Uneven(), 1, num_workers=1, prefetch_factor=factor))
        next(loader)
        waited = 0.0
        while True:
            begun = time.perf_counter()
            if next(loader, None) is None:
                break
            waited += time.perf_counter() - begun
            time.sleep(0.02)
        print(f"prefetch {factor}: waited {waited:.2f} s of 79 steps of 20 ms")


def main() -> None:
    torch.set_num_threads(1)
    compare()
    prefetching()


if __name__ == "__main__":
    main()
