"""Memory and `metrics.csv` of a long run: a one-layer model through the worker's own path.

    python benchmarks/long_run.py --iterations 1000000

Memory that grows with the iterations, or a file that grows faster than its rows, shows in the last
lines: both are fitted to the second half of the run.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from launch.composition.compose import compose, started
from launch.record.run import Run
from launch.train.data import Key, ScheduledDataModule
from launch.train.module import OptimizerFactory, ScheduledModule
from launch.train.objective import ScheduledLosses
from launch.train.worker import quieten, train

SAMPLES, BATCH = 1000, 4


class OneLayer(ScheduledModule):
    """y = w x; what it is worth is of no interest."""

    def __init__(self, losses: ScheduledLosses, optimizer: OptimizerFactory) -> None:
        super().__init__(losses, optimizer)
        self.network = nn.Linear(8, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        pred = self.network(batch)
        self.record(prediction=pred.mean())
        total, _ = self.losses(square=(pred, batch.sum(1, keepdim=True)))
        return total

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log_metrics({"error": float(self.evaluated("network")(batch).abs().mean())})


class Vectors(Dataset[Tensor]):
    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, key: Key) -> Tensor:
        return torch.full((8,), 1 / (1 + key[1]))


class VectorData(ScheduledDataModule):
    def load(self, stage: str) -> None:
        self.train_set, self.validation_set = Vectors(), [torch.ones(8)]  # type: ignore[assignment]


class Probe(pl.Callback):
    """Iteration, seconds, resident memory and size of `metrics.csv`, twenty times a run."""

    rows: ClassVar[list[tuple[int, float, int]]] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(pl_module, ScheduledModule)
        if pl_module.iteration % (pl_module.iterations // 20):
            return
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
        size = (Path(trainer.default_root_dir) / "metrics.csv").stat().st_size
        self.rows.append((pl_module.iteration, resident, size))
        seconds = time.process_time()
        print(f"{pl_module.iteration:9,} {seconds:8.1f} {resident:9.2f} {size:12,}", flush=True)


def configuration(iterations: int, log_every: int) -> dict[str, Any]:
    """The shared settings with a module, data and a loss; every callback is at work."""
    typed = [
        "trainer=cpu",
        f"trainer.max_iterations={iterations}",
        f"trainer.log_every={log_every}",
    ]
    with started():
        shared = compose(typed).plain
    return shared | {
        "module": {
            "_target_": "__main__.OneLayer",
            "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 1e-4},
        },
        "data": {"_target_": "__main__.VectorData", "batch_size": BATCH},
        "losses": {"square": {"type": "mse"}},
        "ema": {"modules": ["network"], "decay": 0.999, "warmup": True},
        "main_metric": {"name": "error", "mode": "min"},
        "callbacks": {"probe": {"_target_": "__main__.Probe"}},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=1_000_000)
    parser.add_argument("--log-every", type=int, default=50)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    print("iteration  CPU secs  RSS (MiB)  metrics.csv (bytes)")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        run.start(task="train")
        train(run, configuration(arguments.iterations, arguments.log_every))
    iteration, resident, size = np.array(Probe.rows[len(Probe.rows) // 2 :], float).T
    memory, file = (np.polyfit(iteration, values, 1)[0] for values in (resident, size))
    print(f"memory {memory * 2**20:+.2f}, metrics.csv {file:.2f} bytes an iteration")


if __name__ == "__main__":
    main()
