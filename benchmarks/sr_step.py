"""A training step of `sr` against a bare PyTorch loop of the same networks and losses.

    make bench-sr

One process, one thread, CPU seconds, the two in turn: the ratio holds when the machine drifts.
"""

import argparse
import time
from itertools import pairwise
from statistics import median
from typing import Any

import lightning.pytorch as pl
import torch
from launch.experiments.sr.discriminators import UNetDiscriminator
from launch.experiments.sr.module import SuperResolution
from spandrel.architectures.Compact import Compact
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from launch.losses.gan import GAN
from launch.train import objective
from launch.train.callbacks.ema_update import EMAUpdate
from launch.train.callbacks.health import Health
from launch.train.callbacks.loss_schedule import LossSchedule
from launch.train.callbacks.mask_schedule import MaskSchedule
from launch.train.callbacks.step_log import StepLog

BATCH, SIDE, SCALE = 4, 32, 4


def network() -> nn.Module:
    torch.manual_seed(0)
    return Compact(num_feat=64, num_conv=16, upscale=SCALE)


class Clock(pl.Callback):
    """CPU seconds at every batch start; a step is the time between two."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        self.moments.append(time.process_time())


class Crops(Dataset[dict[str, Tensor]]):
    """The same crops again and again."""

    def __init__(self, batches: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.low = torch.rand(BATCH, 3, SIDE, SIDE, generator=generator)
        self.high = torch.rand(BATCH, 3, SIDE * SCALE, SIDE * SCALE, generator=generator)
        self.batches = batches

    def __len__(self) -> int:
        return self.batches * BATCH

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"low": self.low[index % BATCH], "high": self.high[index % BATCH]}


def launched(steps: int, losses: dict[str, Any], gan: bool) -> list[float]:
    """CPU seconds of each step under `launch`, with every shared callback at work."""
    module = SuperResolution(
        losses=objective.build(losses),
        network=network(),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-4),
        scale=SCALE,
        discriminator=UNetDiscriminator(channels=32) if gan else None,
        discriminator_optimizer=(lambda p: torch.optim.AdamW(p, lr=1e-4)) if gan else None,
    )
    module.iterations = steps
    module.average(["network"], 0.999, True)
    clock, log = Clock(), StepLog(50)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=[clock, LossSchedule(), MaskSchedule(), EMAUpdate(), Health(50), log],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(Crops(steps), BATCH))
    return [later - earlier for earlier, later in pairwise(clock.moments)]


def bare(steps: int, gan: bool) -> list[float]:
    """CPU seconds of each step of the loop that one would write by hand, with the same EMA."""
    net, average = network(), network()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    discriminator, game = UNetDiscriminator(channels=32), GAN("vanilla")
    discriminator_optimizer = torch.optim.AdamW(discriminator.parameters(), lr=1e-4)
    moments = []
    for batch in DataLoader(Crops(steps), BATCH):
        moments.append(time.process_time())
        pred = net(batch["low"])
        loss = (pred - batch["high"]).abs().mean()
        if gan:
            discriminator.requires_grad_(False)
            loss = loss + 0.1 * game(None, discriminator(pred))
        optimizer.zero_grad()
        loss.backward()
        if gan:
            discriminator.requires_grad_(True)
            terms = game.discriminator(discriminator, batch["high"], pred.detach())
            discriminator_optimizer.zero_grad()
            sum(terms.values()).backward()
            discriminator_optimizer.step()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(net.parameters()), 0.001)
    return [later - earlier for earlier, later in pairwise(moments)]


L1 = {"pixel": {"type": "l1"}}
GAN_OFF = L1 | {"gan": {"type": "gan", "start_iter": 10**6}}
GAN_ON = L1 | {"gan": {"type": "gan", "loss_weight": 0.1}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases = {
        "L1": (lambda n: launched(n, L1, gan=False), lambda n: bare(n, gan=False)),
        "L1, GAN in the config but off": (
            lambda n: launched(n, GAN_OFF, gan=True),
            lambda n: bare(n, gan=False),
        ),
        "L1 and GAN": (lambda n: launched(n, GAN_ON, gan=True), lambda n: bare(n, gan=True)),
    }
    print(f"64 features, 16 convs, batch {BATCH}, {SIDE} px; median CPU ms of a step, one thread")
    for name, (ours, theirs) in cases.items():
        launch_steps: list[float] = []
        bare_steps: list[float] = []
        for _ in range(arguments.rounds):
            launch_steps += ours(arguments.steps)[3:]
            bare_steps += theirs(arguments.steps)[3:]
        mine, other = median(launch_steps), median(bare_steps)
        print(f"{name:32} launch {mine * 1e3:7.1f}  bare {other * 1e3:7.1f}  {mine / other:.3f} x")


if __name__ == "__main__":
    main()
