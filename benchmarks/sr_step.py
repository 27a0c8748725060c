"""A training step of `sr` against a bare PyTorch loop of the same networks and losses.

    make bench-sr

The last line is plain Lightning with its own logger, checkpoints and bar against the same loop.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from side_by_side import CHECKPOINT, TURN, Records, Turns, fit, follow
from spandrel.architectures.Compact import Compact
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from launch.experiments.sr.discriminators import UNetDiscriminator
from launch.experiments.sr.module import SuperResolution
from launch.losses.gan import GAN
from launch.losses.ldl import LDL
from launch.train import objective
from launch.train.data import Key, ScheduledDataModule

BATCH, SCALE = 4, 4
ADAM = partial(torch.optim.AdamW, lr=1e-4)
FUSED = partial(torch.optim.AdamW, lr=1e-4, fused=True)


def network() -> nn.Module:
    torch.manual_seed(0)
    return Compact(num_feat=64, num_conv=16, upscale=SCALE)


class Crops(Dataset[dict[str, Tensor]]):
    """The same crops again and again.

    Attributes:
        side: of the low resolution, in pixels.
    """

    side = 32

    def __init__(self) -> None:
        generator, high = torch.Generator().manual_seed(0), SCALE * self.side
        self.low = torch.rand(BATCH, 3, self.side, self.side, generator=generator)
        self.high = torch.rand(BATCH, 3, high, high, generator=generator)

    def __len__(self) -> int:
        return 100 * BATCH

    def __getitem__(self, key: Key | int) -> dict[str, Tensor]:
        place = (key if isinstance(key, int) else key[1]) % BATCH
        return {"low": self.low[place], "high": self.high[place]}


class CropData(ScheduledDataModule):
    def load(self, stage: str) -> None:
        self.train_set = Crops()


def batches() -> Iterator[dict[str, Tensor]]:
    while True:
        yield from DataLoader(Crops(), BATCH)


def launched(losses: dict[str, Any], turns: Turns, steps: int) -> None:
    gan = "gan" in losses
    module = SuperResolution(
        losses=objective.build(losses),
        network=network(),
        optimizer=ADAM,
        scale=SCALE,
        discriminator=UNetDiscriminator(channels=32) if gan else None,
        discriminator_optimizer=ADAM if gan else None,
    )
    module.average(["network"], 0.999, True)
    fit(module, CropData(BATCH), turns, steps)


def bare(gan: bool = False, ldl: bool = False) -> Iterator[None]:
    """The loop that one would write by hand, with the same average; a step for each `next`."""
    net, average = network(), network().requires_grad_(False)
    optimizer = FUSED(net.parameters())
    discriminator, game, artifacts = UNetDiscriminator(channels=32), GAN("vanilla"), LDL()
    critic = FUSED(discriminator.parameters())
    records = Records(net=net, average=average, optimizer=optimizer, d=discriminator, critic=critic)
    for batch in batches():
        pred, high = net(batch["low"]), batch["high"]
        losses = {"pixel": (pred - high).abs().mean()}
        if ldl:
            with torch.no_grad():
                smooth = average(batch["low"])
            losses["ldl"] = artifacts(pred, high, smooth)
        if gan:
            discriminator.requires_grad_(False)
            losses["gan"] = 0.1 * game(None, discriminator(pred))
        optimizer.zero_grad()
        torch.stack([*losses.values()]).sum().backward()
        if gan:
            discriminator.requires_grad_(True)
            terms = game.discriminator(discriminator, high, pred.detach())
            critic.zero_grad()
            torch.stack([*terms.values()]).sum().backward()
            critic.step()
        optimizer.step()
        follow(average, net)
        records.keep(**losses)
        yield


class Plain(pl.LightningModule):
    """The same network and L1 as one writes them for Lightning."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.average = network(), network().requires_grad_(False)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        loss = (self.net(batch["low"]) - batch["high"]).abs().mean()
        self.log("pixel", loss)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        follow(self.average, self.net)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return FUSED(self.net.parameters())


def peer(turns: Turns, steps: int) -> None:
    """Lightning with its own CSV, checkpoints and bar."""
    with TemporaryDirectory() as folder:
        kept = ModelCheckpoint(folder, save_last=True, every_n_train_steps=CHECKPOINT)
        trainer = pl.Trainer(
            accelerator="cpu",
            max_steps=steps,
            callbacks=[turns, kept, TQDMProgressBar()],
            logger=CSVLogger(folder),
            log_every_n_steps=TURN,
            default_root_dir=folder,
            enable_model_summary=False,
        )
        loader = DataLoader([Crops()[n] for n in range(BATCH)] * (steps + 1), BATCH)  # type: ignore[arg-type]
        trainer.fit(Plain(), loader)


L1 = {"pixel": {"type": "l1"}}
GAN_OFF = L1 | {"gan": {"type": "gan", "start_iter": 10**6}}
GAN_ON = L1 | {"gan": {"type": "gan", "loss_weight": 0.1}}
WITH_LDL = GAN_ON | {"ldl": {"type": "ldl"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--side", type=int, default=Crops.side)
    arguments = parser.parse_args()
    steps, Crops.side = arguments.turns * TURN + 1, arguments.side
    torch.set_num_threads(1)
    print(f"64 features, 16 convs, batch {BATCH}, {Crops.side} px; CPU time of one thread")
    for name, losses, loop in (
        ("L1", L1, bare()),
        ("L1, GAN in the config but off", GAN_OFF, bare()),
        ("L1 and GAN", GAN_ON, bare(gan=True)),
        ("L1, LDL and GAN", WITH_LDL, bare(gan=True, ldl=True)),
    ):
        turns = Turns(loop)
        launched(losses, turns, steps)
        turns.report(name)
    turns = Turns(bare())
    peer(turns, steps)
    turns.report("plain Lightning, L1")


if __name__ == "__main__":
    main()
