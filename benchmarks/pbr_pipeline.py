"""Training samples of `pbr` per second against reading their maps and resizing them once.

    make bench-pbr

Every phase with the crop, feed size and augmentation of `scale=full`, in the middle of its epochs,
on textures of 1024 pixels in the cache. The bound reads the same windows, of every map that
training needs (with the pseudo-labels of game textures), and resizes each once to its place.
One process, one thread, CPU seconds, the two in turn: the share holds when the machine drifts.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from hydra.utils import instantiate
from torch.utils.data import default_collate

import launch
from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.layers import CLEAN, DEPTH, GAME, PLACES, Material, pack
from launch.experiments.pbr.samples import FEED_MULTIPLE, Samples, round_to, tiles
from launch.experiments.pbr.synthetic import material

SIDE, TILE, SAMPLES, BATCH = 1024, 128, 48, 4
PHASES = {"A": "phase_a", "B": "phase_b", "C": "phase_c", "C'": "phase_cprime"}
STEPS = (50, 100, 200, 400)


def materials(folder: Path) -> list[Material]:
    """Of every class in both domains, mapped from files; a teacher is sure of those of the game."""
    made = []
    for index, category in enumerate(KEPT):
        for domain in (CLEAN, GAME):
            path = folder / f"{category}_{domain}.npy"
            tile = pack(material(index, category, domain, TILE))
            np.save(path, np.tile(tile, (1, SIDE // TILE, SIDE // TILE)))
            packed, game = np.load(path, mmap_mode="r"), domain == GAME
            one = Material(path.stem, domain, None if game else index, packed)
            if game:
                one.guess = np.stack([np.full((SIDE, SIDE), v, np.uint8) for v in (index, 230)])
            made.append(one)
    return made


def settings(phase: str) -> dict[str, Any]:
    """The data section of a phase's first job at full scale."""
    config = launch.compose(f"pbr/{phase}/segformer", "scale=full")
    return {"epochs": config["trainer"]["max_epochs"]} | config["data"]


class Contest:
    """The samples of a phase, and the bound on the same textures."""

    def __init__(self, textures: list[Material], data: dict[str, Any]) -> None:
        random = np.random.default_rng(0)
        game = random.random(SAMPLES) < data["game_share"]
        self.chosen = 2 * random.integers(len(KEPT), size=SAMPLES) + game
        self.epoch, self.feed = data["epochs"] // 2, data["feed"]
        crop = instantiate(data["crop"], _convert_="all")
        self.textures = textures
        self.side = round_to(crop(self.epoch), FEED_MULTIPLE) if crop else SIDE
        self.samples = Samples(
            textures, SAMPLES, lambda epoch: self.chosen, 0, crop, self.feed,
            instantiate(data["augmentation"]), KEPT,
        )  # fmt: skip

    def pipeline(self) -> None:
        for place in range(SAMPLES):
            self.samples[(self.epoch, place)]

    def bound(self) -> None:
        """Read the windows that a sample is made of, and resize every plane once."""
        for place, index in enumerate(self.chosen):
            random = np.random.default_rng([0, self.epoch, place])
            texture, count = self.textures[index], 1
            if texture.domain == CLEAN:
                count = self.samples.augmentation.patches(random.random())
            sample = np.empty((DEPTH, self.feed, self.feed), np.uint8)
            for tile in tiles(sample, count):
                shape = tile.shape[1:]
                planes = self.samples.window(random, texture, self.epoch, *shape)
                for plane, target in zip(planes[: self.needed(texture)], tile, strict=False):
                    if plane.shape == shape:
                        target[...] = plane
                    else:
                        cv2.resize(np.asarray(plane), shape[::-1], target)

    def needed(self, texture: Material) -> int:
        """Maps and classes, with pseudo-labels where a teacher has made some."""
        return PLACES["pseudo"].start if texture.guess is None else DEPTH


def milliseconds(work: Callable[[], object], count: int) -> float:
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    cv2.setNumThreads(1)
    needed = {}
    with tempfile.TemporaryDirectory() as folder:
        textures = materials(Path(folder))
        print("| phase | window -> feed | ms a sample | samples/s per core | bound, ms | share |")
        print("|---|---|---|---|---|---|")
        for name, phase in PHASES.items():
            contest = Contest(textures, settings(phase))
            contest.pipeline(), contest.bound()
            pairs = [
                (milliseconds(contest.pipeline, SAMPLES), milliseconds(contest.bound, SAMPLES))
                for _ in range(turns)
            ]
            ours, bound = (median(values) for values in zip(*pairs, strict=True))
            share = median(b / a for a, b in pairs)
            sides = f"{contest.side} -> {contest.feed}"
            print(
                f"| {name} | {sides} | {ours:.1f} | {1000 / ours:.0f} | {bound:.1f} | {share:.2f} |"
            )
            batch = [contest.samples[(0, i)] for i in range(BATCH)]
            copying = median(
                milliseconds(lambda b=batch: default_collate(b), 1) for _ in range(turns)
            )
            needed[name] = BATCH * ours + copying
    print(f"\nCores that feed a step on {BATCH} samples, collation included, by its time:")
    print("| phase |" + "".join(f" {step} ms |" for step in STEPS))
    print("|---|" + "---|" * len(STEPS))
    for name, cost in needed.items():
        print(f"| {name} |" + "".join(f" {cost / step:.1f} |" for step in STEPS))


if __name__ == "__main__":
    main()
