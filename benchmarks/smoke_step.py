"""A training step of `smoke` against a bare PyTorch loop of the same network; tokens per second.

    make bench-smoke

Both start from encoded frames, and derive masks and weights from pixels.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from side_by_side import TURN, Records, Turns, fit, follow
from torch import nn
from torch.utils.data import DataLoader, Dataset

from launch.experiments.smoke.autoencoder import VQAutoencoder
from launch.experiments.smoke.module import SmokeFlow
from launch.experiments.smoke.networks import ConvUNet
from launch.experiments.smoke.path import draw
from launch.experiments.smoke.rollout import Sampling
from launch.experiments.smoke.weighting import SmokeWeighting
from launch.train import objective
from launch.train.data import ScheduledDataModule

CLIPS, FRAMES, SIDE, CHANNELS, CELLS = 32, 12, 32, 8, 64
TERM = {"flow_matching": {"_target_": "launch.experiments.smoke.weighting.WeightedMSE"}}


def network() -> nn.Module:
    torch.manual_seed(0)
    return ConvUNet(CHANNELS, width=64)


class Clips(Dataset[dict[str, Any]]):
    """The same clips again and again; of each, three frames that a step learns from."""

    def __init__(self) -> None:
        shape = (CLIPS, FRAMES, 3, SIDE, SIDE)
        self.frames = torch.randint(0, 255, shape, dtype=torch.uint8)

    def __len__(self) -> int:
        return 100 * CLIPS

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
        self.train_set = Clips()


def compare(steps: int) -> Turns:
    """Seconds under `launch` with everything on, in turns with the bare loop."""
    autoencoder = VQAutoencoder(8, 2, CHANNELS, 16)
    with patch("launch.experiments.smoke.module.load_autoencoder", lambda path: autoencoder):
        module = SmokeFlow(
            losses=objective.build(TERM),
            autoencoder="in memory",
            network=network(),
            weighting=SmokeWeighting(5.0, 1.0, 0.1, "pixel"),
            sampling=Sampling(),
            optimizer=partial(torch.optim.AdamW, lr=1e-4),
        )
    data = ClipData(CLIPS)
    data.setup("fit")
    clips = cast(Clips, data.train_set)
    module.measure(clips.frames)
    names = [f"{clip} {frame}" for clip in range(CLIPS) for frame in range(FRAMES)]
    module.latents.encode_kept(clips.frames.flatten(0, 1), names)
    module.gradient_clip = 1.0
    module.average(["network"], 0.999, True)
    turns = Turns(bare(steps))
    fit(module, data, turns, steps)
    return turns


def bare(steps: int) -> Iterator[None]:
    """The loop that one would write by hand, with the same EMA; a step for each `next`."""
    net, average = network(), network()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    records = Records(net=net, average=average, optimizer=optimizer)
    latents = torch.randn(CLIPS, FRAMES, CHANNELS, 8, 8)
    rows = torch.arange(CLIPS)
    keys = [(0, index) for index in range(steps * CLIPS)]
    for batch in DataLoader(Clips(), CLIPS, sampler=keys):
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
        loss = (error * weights).mean()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        follow(average, net)
        records.keep(loss=loss)
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=21)
    torch.set_num_threads(1)
    turns = compare(parser.parse_args().turns * TURN + 1)
    turns.report(f"{CLIPS * CELLS} tokens a step")
    for name, seconds in turns.seconds.items():
        print(f"{name:7} {CLIPS * CELLS * TURN / median(seconds[1:]):9,.0f} tokens/s")


if __name__ == "__main__":
    main()
