"""What the benchmarks of a training step share: launch with everything on that a run has, in turns
with a loop written by hand.

`metrics.csv`, checkpoints, run.json, health and a progress bar as in a terminal are at work on one
side; the other writes its losses and its state as often. One process, one thread, CPU seconds: the
ratio of a turn holds when the machine drifts. A turn takes in what lies between its steps.
"""

import csv
import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import lightning.pytorch as pl
import torch
from rich.console import Console
from torch import Tensor, nn

from launch.composition.compose import compose, started
from launch.record.run import Run
from launch.train.acceleration import prepare_module
from launch.train.build import build_trainer, prepare_stream
from launch.train.callbacks.progress import ProgressBar
from launch.train.data import ScheduledDataModule
from launch.train.module import ScheduledModule
from launch.train.worker import quieten

TURN = 25  # steps, and iterations between two rows of the log
CHECKPOINT = 100  # steps between two checkpoints


class Turns(pl.Callback):
    """As many bare steps before every `TURN` steps of the trainer; CPU seconds of each turn."""

    def __init__(self, bare: Iterator[None]) -> None:
        self.bare, self.begun = bare, 0.0
        self.seconds: dict[str, list[float]] = {"launch": [], "bare": []}

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % TURN:
            return
        if self.begun:
            self.seconds["launch"].append(time.process_time() - self.begun)
        begun = time.process_time()
        for _ in range(TURN):
            next(self.bare)
        self.seconds["bare"].append(time.process_time() - begun)
        self.begun = time.process_time()

    def report(self, name: str) -> None:
        """Milliseconds a step, and the ratio over turns after the first: median, quartiles, sum."""
        pairs = [*zip(self.seconds["launch"][1:], self.seconds["bare"][1:], strict=False)]
        ratios = [mine / other for mine, other in pairs]
        low, _, high = quantiles(ratios, n=4)
        mine, other = (1000 / TURN * median(side) for side in zip(*pairs, strict=True))
        total = sum(m for m, _ in pairs) / sum(o for _, o in pairs)
        print(
            f"{name:32} {mine:8.2f} ms, bare {other:8.2f} ms; {median(ratios):.3f} x "
            f"(half of {len(ratios)} turns {low:.3f} to {high:.3f}; all together {total:.3f})",
            flush=True,
        )


class Records:
    """What a loop written by hand keeps: rows of its losses, and its state now and then."""

    def __init__(self, **parts: Any) -> None:
        self.parts, self.step, self.folder = parts, 0, TemporaryDirectory()
        self.path = Path(self.folder.name)

    def keep(self, **losses: Tensor) -> None:
        if self.step % TURN == 0:
            with (self.path / "losses.csv").open("a", newline="") as file:
                csv.writer(file).writerow([self.step, *(float(loss) for loss in losses.values())])
        self.step += 1
        if self.step % CHECKPOINT == 0:
            partial = self.path / "last.partial"
            torch.save({name: part.state_dict() for name, part in self.parts.items()}, partial)
            partial.replace(self.path / "last.ckpt")


def follow(average: nn.Module, network: nn.Module, decay: float = 0.999) -> None:
    """The moving average of a loop written by hand."""
    with torch.no_grad():
        pairs = list(average.parameters()), list(network.parameters())
        torch._foreach_lerp_(*pairs, 1 - decay)


def shared(steps: int, mask_every: int) -> dict[str, Any]:
    """The settings that all experiments share."""
    typed = [
        "trainer=cpu",
        f"trainer.max_iterations={steps}",
        f"trainer.log_every={TURN}",
        f"trainer.checkpoint_every={CHECKPOINT}",
        f"trainer.validate_every={steps + 1}",
        f"trainer.mask_every={mask_every}",
    ]
    with started():
        return compose(typed).plain


def fit(
    module: ScheduledModule,
    data: ScheduledDataModule,
    turns: Turns,
    steps: int,
    mask_every: int = 1,
) -> None:
    """Train under launch with everything on, the turns before all other callbacks."""
    config = shared(steps, mask_every)
    quieten()
    with TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        run = Run(Path(folder))
        run.start(task="train")
        prepare_module(module, config["trainer"])
        trainer, _ = build_trainer(run, config, module)
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, ProgressBar):
                callback.console = Console(file=nowhere, force_terminal=True)
        trainer.callbacks.insert(0, turns)  # type: ignore[attr-defined]
        prepare_stream(module, data, 1, config["trainer"])
        data.validation_set = None
        trainer.fit(module, datamodule=data)
