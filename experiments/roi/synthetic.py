"""Small chest X-rays with planted lesions, whose place is known exactly.

A body with two dark lungs, ribs, a heart and noise. Each kind of lesion is there or not, on its
own, somewhere in the lungs. Outside them lie two things that mean nothing: a bright square, and a
bright cross that may come with one of the findings in the training images only, as the side markers
of a hospital do.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, PositiveInt
from scipy.ndimage import zoom
from torch.utils.data import Dataset

from launch.experiments.roi.loading import Item, XrayData, normalised
from launch.tools.drawn import drawn
from launch.train.data import Key, rng

FINDINGS = ("Nodule", "Infiltration", "Cavity")
REFERENCE_SIZE = 32  # pixels; lesions are given at this size
PARTS = {"train": 0, "validation": 1, "test": 2}

Fraction = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Xray:
    """One drawn image.

    Attributes:
        image: (S, S) brightness, about 0 to 1.
        labels: (3,) 0 or 1, in the order of `FINDINGS`.
        regions: (3, S, S), pixels of each lesion.
        distractors: (S, S), pixels of square and cross.
    """

    image: np.ndarray
    labels: np.ndarray
    regions: np.ndarray
    distractors: np.ndarray


def draw(
    random: np.random.Generator, size: int, prevalence: float = 0.35, shortcut: float = 0.0
) -> Xray:
    """One X-ray.

    Args:
        prevalence: probability of each finding.
        shortcut: probability that the cross tells the first finding instead of being tossed.
    """
    image, lungs = draw_body(random, size)
    labels = random.random(len(FINDINGS)) < prevalence
    regions = np.zeros((len(FINDINGS), size, size), bool)
    for finding in np.flatnonzero(labels):
        regions[finding] = add_lesion(image, lungs, int(finding), random)
    distractors = np.zeros((size, size), bool)
    if random.random() < 0.5:
        distractors |= add_square(image, random)
    told, tossed = random.random() < shortcut, random.random() < 0.5
    if labels[0] if told else tossed:
        distractors |= add_cross(image, random)
    image += random.normal(0, 0.04, image.shape)
    return Xray(image.astype(np.float32), labels.astype(np.float32), regions, distractors)


def draw_body(random: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Brightness of a healthy chest, and the pixels inside its lungs."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, size)] * 2, indexing="ij")
    body = sigmoid(12 * (0.92 - (x / 0.95) ** 2 - (y / 1.15) ** 2))
    image, lungs = 0.75 * body, np.zeros((size, size), bool)
    for side in (-1, 1):
        across, down, width, height = random.uniform(-0.5, 0.5, 4)
        inside = 1 - ((x - side * (0.42 + 0.05 * across)) / (0.29 + 0.04 * width)) ** 2
        inside -= ((y - 0.02 - 0.1 * down) / (0.64 + 0.08 * height)) ** 2
        lungs |= inside > 0.15
        image -= 0.45 * sigmoid(8 * inside)
    ribs, phase = random.uniform(8, 10), random.uniform(0, 2 * np.pi)
    image += 0.07 * np.sin(ribs * (y + 0.25 * abs(x)) + phase) * body
    image += 0.25 * np.exp(-(((x + 0.1) / 0.22) ** 2) - ((y - 0.35) / 0.3) ** 2)
    uneven = zoom(random.normal(size=(4, 4)), size / 4, order=1, mode="nearest")
    image = image + 0.05 * np.asarray(uneven)
    return image, lungs


def add_lesion(
    image: np.ndarray, lungs: np.ndarray, finding: int, random: np.random.Generator
) -> np.ndarray:
    """Plant a soft nodule, a striped infiltrate or a ring; returns its disk."""
    scale = len(image) / REFERENCE_SIZE
    row, column = random.choice(np.argwhere(lungs))
    radius = scale * (2.6, 3.4, 3.4)[finding] * random.uniform(0.85, 1.15)
    down, across = np.ogrid[: len(image), : len(image)]
    square = (down - row) ** 2 + (across - column) ** 2
    disk = square < radius**2
    if finding == 0:
        image += 0.45 * np.exp(-2 * square / radius**2)
    elif finding == 1:
        image += 0.30 * (disk & ((down + across) // scale % 4 < 2))
    else:
        image += 0.35 * (disk & (square > (radius - 2 * scale) ** 2))
    return disk


def add_square(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A bright square at the left edge, whatever the findings."""
    unit = len(image) / REFERENCE_SIZE
    top = random.integers(2, 10)
    area = np.zeros(image.shape, bool)
    area[round(top * unit) : round((top + 4) * unit), round(2 * unit) : round(6 * unit)] = True
    image += 0.6 * area
    return area


def add_cross(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A bright cross in the upper right corner."""
    unit = len(image) / REFERENCE_SIZE
    top = 1 + random.integers(0, 3)
    area = np.zeros(image.shape, bool)
    area[round((top + 2) * unit) : round((top + 3) * unit), round(26 * unit) : round(31 * unit)] = 1
    area[round(top * unit) : round((top + 5) * unit), round(28 * unit) : round(29 * unit)] = 1
    image += 0.6 * area
    return area


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


def arrays(
    part: int, count: int, size: int, seed: int, prevalence: float, shortcut: float
) -> dict[str, np.ndarray]:
    """The first X-rays of a part."""
    xrays = [draw(rng(seed, part, n), size, prevalence, shortcut) for n in range(count)]
    return {
        "images": normalised(np.stack([x.image for x in xrays])),
        "labels": np.stack([x.labels for x in xrays]),
        "regions": np.stack([x.regions.any(0) for x in xrays]),
        "distractors": np.stack([x.distractors for x in xrays]),
    }


class Xrays(Dataset[Item]):
    """Drawn X-rays, all in memory; image n of a part depends on (part, n) and the data seed."""

    def __init__(
        self, part: str, count: int, size: int, seed: int, prevalence: float, shortcut: float
    ) -> None:
        kept = drawn(arrays, PARTS[part], count, size, seed, prevalence, shortcut)
        found = {name: torch.from_numpy(values) for name, values in kept.items()}
        self.names = [f"{part}_{n:05}" for n in range(count)]
        self.images, self.labels = found["images"][:, None], found["labels"]
        self.regions, self.distractors = found["regions"][:, None], found["distractors"][:, None]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, key: Key | int) -> Item:
        index = key[1] if isinstance(key, tuple) else key
        return {
            "image": self.images[index],
            "labels": self.labels[index],
            "regions": self.regions[index],
            "distractors": self.distractors[index],
        }


class SyntheticXrays(XrayData):
    """Drawn X-rays; the run's seed draws other training images, validation stays the same.

    Args:
        img_size: side in pixels; lesions grow with it.
        train_images, validation_images, test_images: how many are drawn.
        prevalence: probability of each finding.
        shortcut: how often the cross tells the first finding in training images, 0 to 1.
        others: as in `XrayData`.
    """

    def __init__(
        self,
        img_size: PositiveInt = 32,
        train_images: PositiveInt = 4000,
        validation_images: PositiveInt = 400,
        test_images: PositiveInt = 400,
        prevalence: Fraction = 0.35,
        shortcut: Fraction = 0.0,
        labels: list[str] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.labels = list(labels or FINDINGS)
        self.img_size, self.prevalence, self.shortcut = img_size, prevalence, shortcut
        self.counts = {
            "train": train_images,
            "validation": validation_images,
            "test": test_images,
        }

    def load(self, stage: str) -> None:
        if stage == "fit":
            self.train_set = self.draw("train", self.seed, self.shortcut)
        self.validation_set = self.draw(self.evaluate, 0, 0.0)

    def draw(self, part: str, seed: int, shortcut: float) -> Xrays:
        return Xrays(part, self.counts[part], self.img_size, seed, self.prevalence, shortcut)

    def fingerprint(self) -> str:
        drawn = f"{self.img_size}px-{self.prevalence}-{self.shortcut}"
        return f"synthetic-{self.seed}-{drawn}-" + "-".join(map(str, self.counts.values()))

    def report(self) -> dict[str, Any]:
        return {"evaluated_on": self.evaluate, "images": self.counts}
