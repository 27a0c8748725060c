"""A training step of `smoke` against a bare PyTorch loop of the same network; tokens per second.

    make bench-smoke

One process, one thread, CPU seconds, ten steps of each in turn: the ratio holds when the machine
drifts. Both start from encoded frames, and derive masks and weights from pixels.
"""

import argparse
import time
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Any, cast
from unittest.mock import patch

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from launch.experiments.smoke.autoencoder import VQAutoencoder
from launch.experiments.smoke.module import SmokeFlow
from launch.experiments.smoke.networks import ConvUNet
from launch.experiments.smoke.path import draw
from launch.experiments.smoke.rollout import Sampling
from launch.experiments.smoke.weighting import SmokeWeighting
from torch import nn
from torch.utils.data import DataLoader, Dataset

from launch.train import objective
from launch.train.build import Unprofiled
from launch.train.callbacks.ema_update import EMAUpdate
from launch.train.callbacks.health import Health
from launch.train.callbacks.loss_schedule import LossSchedule
from launch.train.callbacks.step_log import StepLog
from launch.train.data import ScheduledDataModule

CLIPS, FRAMES, SIDE, CHANNELS, CELLS = 32, 12, 32, 8, 64
WARM_UP, TURN = 20, 10
TERM = {"flow_matching": {"_target_": "launch.experiments.smoke.weighting.WeightedMSE"}}


def network() -> nn.Module:
    torch.manual_seed(0)
    return ConvUNet(CHANNELS, width=64)


class Turns(pl.Callback):
    """Ten bare steps before every ten steps of launch; CPU seconds of each.

    A step of launch lasts from one batch start to the next, with all that happens in between.
    """

    def __init__(self, bare: Iterator[None]) -> None:
        self.bare, self.begun = bare, 0.0
        self.seconds: dict[str, list[float]] = {"launch": [], "bare": []}

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self.begun:
            self.seconds["launch"].append(time.process_time() - self.begun)
        if batch_idx % TURN == 0:
            for _ in range(TURN):
                begun = time.process_time()
                next(self.bare)
                self.seconds["bare"].append(time.process_time() - begun)
        self.begun = time.process_time()


class Clips(Dataset[dict[str, Any]]):
    """The same clips again and again; of each, three frames that a step learns from."""

    def __init__(self, batches: int) -> None:
        shape = (CLIPS, FRAMES, 3, SIDE, SIDE)
        self.frames = torch.randint(0, 255, shape, dtype=torch.uint8)
        self.batches = batches

    def __len__(self) -> int:
        return self.batches * CLIPS

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        number, random = key[1] % CLIPS, np.random.default_rng(key)
        drawn = draw(torch.tensor([FRAMES]), torch.from_numpy(random.random((2, 1))))
        numbers = drawn.numbers[0]
        return {
            "frames": self.frames[number, numbers],
            "names": [f"{number} {frame}" for frame in numbers.tolist()],
            "distance": drawn.distance[0],
        }


class ClipData(ScheduledDataModule):
    def load(self, stage: str) -> None:
        self.train_set = Clips(self.last_batch)


def compare(steps: int) -> dict[str, list[float]]:
    """CPU seconds of each step, under `launch` with every shared callback at work, and bare."""
    autoencoder = VQAutoencoder(8, 2, CHANNELS, 16)
    with patch("launch.experiments.smoke.module.load_autoencoder", lambda path: autoencoder):
        module = SmokeFlow(
            losses=objective.build(TERM),
            autoencoder="in memory",
            network=network(),
            weighting=SmokeWeighting(5.0, 1.0, 0.1, "pixel"),
            sampling=Sampling(),
            optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-4),
        )
    data = ClipData(CLIPS)
    data.last_batch = steps
    data.setup("fit")
    clips = cast(Clips, data.train_set)
    module.measure(clips.frames)
    names = [f"{clip} {frame}" for clip in range(CLIPS) for frame in range(FRAMES)]
    module.latents.encode_kept(clips.frames.flatten(0, 1), names)
    module.iterations, module.gradient_clip = steps, 1.0
    module.average(["network"], 0.999, True)
    turns = Turns(bare(steps))
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=[turns, LossSchedule(), EMAUpdate(), Health(50), StepLog(50)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        profiler=Unprofiled(),
    )
    trainer.fit(module, data)
    return turns.seconds


def bare(steps: int) -> Iterator[None]:
    """The loop that one would write by hand, with the same EMA; a step for each `next`."""
    net, average = network(), network()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    latents = torch.randn(CLIPS, FRAMES, CHANNELS, 8, 8)
    rows = torch.arange(CLIPS)
    keys = [(0, index) for index in range(steps * CLIPS)]
    for batch in DataLoader(Clips(steps), CLIPS, sampler=keys):
        target = torch.randint(2, FRAMES, (CLIPS,))
        context = (torch.rand(CLIPS) * (target - 1)).long()
        frame, reference = latents[rows, target], latents[rows, target - 1]
        t, noise = torch.rand(CLIPS), torch.randn_like(frame)
        x = (1 - 0.999 * t.view(-1, 1, 1, 1)) * noise + t.view(-1, 1, 1, 1) * frame
        velocity = net(x, reference, latents[rows, context], t, target - 1 - context)
        brightness = batch["frames"][:, -1].amax(1, keepdim=True) / 255
        weights = 1 + 4 * (F.adaptive_max_pool2d(brightness, 8) > 0.1).float()
        error = F.mse_loss(velocity, frame - 0.999 * noise, reduction="none")
        optimizer.zero_grad()
        (error * weights).mean().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(net.parameters()), 0.001)
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {n: v[WARM_UP:] for n, v in compare(WARM_UP + arguments.steps + 1).items()}
    for name, values in found.items():
        each = median(values)
        print(f"{name:7} {1000 * each:7.2f} ms a step   {CLIPS * CELLS / each:9,.0f} tokens/s")
    turns = [
        median(found["launch"][i : i + TURN]) / median(found["bare"][i : i + TURN])
        for i in range(0, arguments.steps, TURN)
    ]
    low, middle, high = quantiles(turns, n=4)
    print(f"ratio   {middle:.3f}   (half of the turns from {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
