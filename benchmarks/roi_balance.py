"""A training step of `roi` with GradNorm, against constant weights.

    make bench-roi

One process, one thread, CPU seconds of 16 updates each in turn: the ratios hold when the machine
drifts. GradNorm measures gradients at the last layers every 16 iterations, its default, and every
iteration.
"""

import argparse
import time
from functools import partial
from statistics import median

import torch

from launch.experiments.roi.balancing import GradNorm
from launch.experiments.roi.losses import Consistency, Drop, Labels, Sparsity, Volume
from launch.experiments.roi.masks import LearnedMask
from launch.experiments.roi.module import MaskTraining
from launch.experiments.roi.networks import MaskNetwork, TimmClassifier
from launch.losses.total_variation import TotalVariation
from launch.schedules import Constant
from launch.train.objective import ScheduledLosses, Term

BATCH, SIDE, LABELS, UPDATES = 4, 64, 14, 16
SMALL = {"depths": (1, 1, 2, 1), "dims": (16, 32, 64, 128)}
TERMS = {
    "full": (Labels(), 1.0),
    "consist": (Consistency(), 1.0),
    "drop": (Drop(), 0.5),
    "sparse": (Sparsity(), 5e-3),
    "tv": (TotalVariation(), 5e-4),
    "volume": (Volume(0.1), 5.0),
}
BALANCED = ["full", "consist", "drop", "sparse", "tv"]


class Contender:
    """A recipe with its optimizer; `seconds` of every turn."""

    def __init__(self, balance: GradNorm | None) -> None:
        torch.manual_seed(0)
        losses = ScheduledLosses({n: Term(loss, Constant(w)) for n, (loss, w) in TERMS.items()})
        self.recipe = MaskTraining(
            losses,
            partial(torch.optim.AdamW, lr=1e-4),
            partial(TimmClassifier, backbone="convnext_atto", options=SMALL),
            LearnedMask(MaskNetwork()),
            Constant(0.7),
            [f"label {n}" for n in range(LABELS)],
            SIDE,
            mask_fill="blur",
            dynamic_weights=balance is not None,
            balance=balance,
        )
        self.optimizer = torch.optim.AdamW(self.recipe.trainable_parameters(), 1e-4)
        self.seconds: list[float] = []

    def turn(self, batch: dict[str, torch.Tensor]) -> None:
        start = time.process_time()
        for _ in range(UPDATES):
            self.optimizer.zero_grad()
            self.recipe.training_step(batch, 0).backward()
            self.optimizer.step()
            self.recipe.losses.iteration += 1
        self.seconds.append(time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    turns = parser.parse_args().turns
    torch.set_num_threads(1)
    batch = {
        "image": torch.randn(BATCH, 1, SIDE, SIDE),
        "labels": (torch.rand(BATCH, LABELS) < 0.2).float(),
    }
    contenders = {
        "constant": Contender(None),
        "gradnorm, every 16": Contender(GradNorm(BALANCED, every=16)),
        "gradnorm, every 1": Contender(GradNorm(BALANCED, every=1)),
    }
    for _ in range(turns + 1):
        for contender in contenders.values():
            contender.turn(batch)
    constant = contenders["constant"].seconds[1:]
    print("| balance | CPU ms a step | over constant weights |\n|---|---|---|")
    for name, contender in contenders.items():
        turn = contender.seconds[1:]
        ratio = median(a / b for a, b in zip(turn, constant, strict=True))
        print(f"| {name} | {1000 * median(turn) / UPDATES:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
