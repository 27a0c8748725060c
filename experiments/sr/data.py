"""Folders of pictures as training data: high resolution alone, or both resolutions.

Damaged and too small images are named, counted and left out, until they are too many.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from launch.experiments.sr import images
from launch.experiments.sr.degradation import RealWorldDegradation
from launch.experiments.sr.metrics import smallest_side
from launch.experiments.sr.pairs import Crops, WholeImages
from launch.experiments.sr.sources import (
    Pairs,
    Source,
    high_resolution,
    hold_out,
    paired,
    read_pair,
)
from lightning.pytorch.utilities import rank_zero_warn
from pydantic import DirectoryPath, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from launch.errors import ConfigError, MissingError
from launch.train.data import ScheduledDataModule

NAMED_AT_MOST = 20


class Folder(ScheduledDataModule):
    """What both kinds of folder share; `sources` says which files belong together.

    Without a `val` folder a tenth of the training images, at most `validation_images`, is held
    out by name.

    Args:
        root: folder of the images, or of `train` and perhaps `val`.
        scale: factor between the resolutions.
        crop: side of a training crop in low-resolution pixels.
        augment: flip and turn each crop at random.
        validation_images: at most this many are validated on.
        validation_size: longest side of a validation image in high-resolution pixels, its centre
            is taken; null takes it whole.
        max_bad_fraction: share of files that are damaged, too small or without their partner
            above which to stop.
        memory_gigabytes: decoded images kept per process; others are decoded for every crop.
    """

    def __init__(
        self,
        root: DirectoryPath,
        scale: PositiveInt = 4,
        crop: PositiveInt = 32,
        batch_size: PositiveInt = 16,
        workers: NonNegativeInt = 0,
        augment: bool = True,
        validation_images: PositiveInt = 8,
        validation_size: PositiveInt | None = None,
        max_bad_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1,
        memory_gigabytes: NonNegativeFloat = 4.0,
    ) -> None:
        super().__init__(batch_size, workers)
        self.smallest = -(-smallest_side(scale) // scale)
        if validation_size is not None and validation_size // scale < self.smallest:
            raise ConfigError(
                f"data.validation_size is {validation_size} and must be at least "
                f"{self.smallest * scale} for SSIM at scale {scale}"
            )
        self.root, self.scale, self.crop, self.augment = Path(root), scale, crop, augment
        self.validation_images, self.validation_size = validation_images, validation_size
        self.max_bad_fraction, self.memory_gigabytes = max_bad_fraction, memory_gigabytes
        self.degradation: RealWorldDegradation | None = None
        self.pairs: dict[str, Pairs] = {}

    def sources(self, folder: Path) -> list[Source]:
        """The pairs below a folder in the order of their names."""
        raise NotImplementedError

    def load(self, stage: str) -> None:
        train, validation = self.split()
        if stage == "fit":
            pairs = self.read("train", train, self.crop)
            self._warn_of_slow_images(pairs)
            self.train_set = Crops(
                pairs, self.scale, self.crop, self.seed, self.augment, self.degradation
            )
        pairs = self.read("validation", validation, self.smallest)
        self.validation_set = WholeImages(pairs, self.scale, self.validation_size, self.degradation)

    def split(self) -> tuple[list[Source], list[Source]]:
        """Sources to train on and to validate on.

        Raises:
            MissingError: if there is none for one of the two.
        """
        has_train = (self.root / "train").is_dir()
        folder = self.root / "train" if has_train else self.root
        train = self.sources(folder)
        if has_train and (self.root / "val").is_dir():
            validation = self.sources(self.root / "val")[: self.validation_images]
        else:
            train, validation = hold_out(train, self.validation_images)
        if not train or not validation:
            raise MissingError(
                f"{folder} has {len(train) + len(validation)} images and needs at least 2, one of "
                f"them to validate on; point data.root to a folder of {', '.join(images.SUFFIXES)}"
            )
        return train, validation

    def read(self, part: str, sources: Sequence[Source], smallest: int) -> Pairs:
        """Decode all sources of one part.

        Raises:
            MissingError: if more than `max_bad_fraction` of them are of no use.
        """
        with_low = self.degradation is None
        read = partial(read_pair, scale=self.scale, smallest=smallest, with_low=with_low)
        pairs = self.pairs[part] = Pairs(sources, read, self.memory_gigabytes)
        if not pairs.bad:
            return pairs
        named = [f"{path.relative_to(self.root)} ({why})" for path, why in pairs.bad.items()]
        counted = f"{len(named)} of {len(sources)} {part} images are of no use"
        listed = f"{counted}: {', '.join(named[:NAMED_AT_MOST])}"
        if len(named) > self.max_bad_fraction * len(sources) or not len(pairs):
            raise MissingError(f"{listed}; mend them, or raise data.max_bad_fraction")
        rank_zero_warn(f"{listed}; they are left out")
        return pairs

    def fingerprint(self) -> str:
        """Of names and sizes of all files in use."""
        files = [path for part in self.split() for s in part for path in (s.high, s.low) if path]
        lines = [f"{path.relative_to(self.root)} {path.stat().st_size}" for path in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def report(self) -> dict[str, Any]:
        bad = [item for pairs in self.pairs.values() for item in pairs.bad.items()]
        named = {path.relative_to(self.root).as_posix(): why for path, why in bad[:NAMED_AT_MOST]}
        return {
            **{f"{part}_images": len(pairs) for part, pairs in self.pairs.items()},
            "skipped_images": len(bad),
            "skipped": named,
        }

    def _warn_of_slow_images(self, pairs: Pairs) -> None:
        if pairs.decoded < len(pairs):
            rank_zero_warn(
                f"{len(pairs) - pairs.decoded} of {len(pairs)} images do not fit in "
                f"data.memory_gigabytes={self.memory_gigabytes} and are decoded for every crop; "
                "raise it, or data.workers"
            )


class HighResolutionFolder(Folder):
    """High-resolution images; low resolution is made by antialiased bicubic or a degradation.

    Args:
        degradation: null for bicubic, which the literature compares by; otherwise every crop is
            degraded anew.
        others: as in `Folder`.
    """

    def __init__(
        self,
        root: DirectoryPath,
        scale: PositiveInt = 4,
        crop: PositiveInt = 32,
        batch_size: PositiveInt = 16,
        workers: NonNegativeInt = 0,
        augment: bool = True,
        validation_images: PositiveInt = 8,
        validation_size: PositiveInt | None = None,
        max_bad_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1,
        memory_gigabytes: NonNegativeFloat = 4.0,
        degradation: RealWorldDegradation | None = None,
    ) -> None:
        super().__init__(
            root,
            scale,
            crop,
            batch_size,
            workers,
            augment,
            validation_images,
            validation_size,
            max_bad_fraction,
            memory_gigabytes,
        )
        self.degradation = degradation

    def sources(self, folder: Path) -> list[Source]:
        return high_resolution(folder)


class PairedFolder(Folder):
    """Images of both resolutions, in `hr` and `lr` of each folder, matched by name."""

    def sources(self, folder: Path) -> list[Source]:
        return paired(folder, self.scale)
