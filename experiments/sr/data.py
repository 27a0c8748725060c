"""Folders of pictures as training data: high resolution alone, or both resolutions.

Damaged and too small images are named, counted and left out, until they are too many.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any

from lightning.pytorch.utilities import rank_zero_warn
from pydantic import DirectoryPath, Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch.utils.data import ConcatDataset

from launch.errors import ConfigError, MissingError
from launch.experiments.sr import inspection
from launch.experiments.sr import sources as files
from launch.experiments.sr.degradation import RealWorldDegradation
from launch.experiments.sr.metrics import smallest_side
from launch.experiments.sr.pairs import Crops, WholeImages
from launch.experiments.sr.sources import (
    Index,
    Pairs,
    Source,
    high_resolution,
    hold_out,
    paired,
    read_pair,
)
from launch.tools import pictures
from launch.train.data import ScheduledDataModule

NAMED_AT_MOST = 20
FORMATS = ", ".join(pictures.SUFFIXES)


class Folder(ScheduledDataModule):
    """What both kinds of folder share; `sources` says which files belong together.

    Training validates on the `val` folder, or without one on a tenth of the training images, held
    out by name; on at most `validation_images` of either. `task=validate` takes the whole `val`
    folder, or all images where there is neither `train` nor `val`.

    Args:
        root: folder of the images, or of `train` and perhaps `val`; null to validate on
            `validation_sets` alone.
        scale: factor between the resolutions.
        crop: side of a training crop in low-resolution pixels.
        augment: flip and turn each crop at random.
        validation_images: at most this many are validated on while training.
        validation_size: longest side of a validation image in high-resolution pixels, its centre
            is taken; null takes it whole.
        validation_sets: folders by name, such as {Set5: PATH}, validated on whole, in place of
            the above.
        max_bad_fraction: share of files that are damaged, too small or without their partner
            above which to stop.
        memory_gigabytes: decoded images kept, by all workers together; others are decoded for
            every crop.
    """

    def __init__(
        self,
        root: DirectoryPath | None,
        scale: PositiveInt = 4,
        crop: PositiveInt = 32,
        batch_size: PositiveInt = 16,
        workers: NonNegativeInt = 0,
        augment: bool = True,
        validation_images: PositiveInt = 8,
        validation_size: PositiveInt | None = None,
        validation_sets: dict[str, DirectoryPath] | None = None,
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
        self.root = None if root is None else Path(root)
        self.scale, self.crop, self.augment = scale, crop, augment
        self.validation_images, self.validation_size = validation_images, validation_size
        self.validation_sets = {k: Path(v) for k, v in (validation_sets or {}).items()}
        self.max_bad_fraction, self.memory_gigabytes = max_bad_fraction, memory_gigabytes
        self.degradation: RealWorldDegradation | None = None
        self.pairs: dict[str, Pairs] = {}
        self.bad: dict[Path, str] = {}

    def sources(self, folder: Path) -> list[Source]:
        """The pairs below a folder in the order of their names."""
        raise NotImplementedError

    def load(self, stage: str) -> None:
        if stage == "fit":
            pairs = self.read("train", self.split[0], self.crop)
            self.train_set = Crops(
                pairs, self.scale, self.crop, self.seed, self.augment, self.degradation
            )
        sets = []
        for name, sources in self.validation(whole=stage != "fit").items():
            part = f"validation {name}".strip()
            pairs = self.pairs[part] = self.read(part, sources, self.smallest).without_damaged()
            self._judge(part, pairs.bad, len(sources))
            sets.append(
                WholeImages(pairs, self.scale, self.validation_size, self.degradation, name)
            )
        self.validation_set = ConcatDataset(sets) if len(sets) > 1 else sets[0]

    @cached_property
    def split(self) -> tuple[list[Source], list[Source]]:
        """Sources to train on and to validate on; the latter may be none with validation sets.

        Raises:
            MissingError: if there is none for one of the two.
        """
        if self.root is None:
            raise ConfigError("data.root is null; a training needs a folder of images")
        folder = self.root / "train" if (self.root / "train").is_dir() else self.root
        train, validation = self.sources(folder), []
        if folder != self.root and (self.root / "val").is_dir():
            validation = self.sources(self.root / "val")
        elif not self.validation_sets:
            train, validation = hold_out(train, self.validation_images)
        if not train or not (validation or self.validation_sets):
            raise MissingError(
                f"{folder} has {len(train) + len(validation)} images and needs at least 2, one of "
                f"them to validate on; point data.root to a folder of {FORMATS}"
            )
        return train, validation

    def validation(self, whole: bool) -> dict[str, list[Source]]:
        """Sources to validate on, by the name of their set; "" where it has none.

        Args:
            whole: all of a folder, as in `task=validate`.
        """
        if self.validation_sets:
            found = {name: self.sources(path) for name, path in self.validation_sets.items()}
        elif whole and self.root is not None and not (self.root / "train").is_dir():
            inside = self.root / "val"
            found = {"": self.sources(inside if inside.is_dir() else self.root)}
        else:
            found = {"": self.split[1] if whole else self.split[1][: self.validation_images]}
        for name, sources in found.items():
            if not sources:
                folder = self.validation_sets.get(name, self.root)
                raise MissingError(f"{folder} has no images to validate on ({FORMATS})")
        return found

    def read(self, part: str, sources: Sequence[Source], smallest: int) -> Pairs:
        """The sources of one part whose headers are in order; nothing is decoded.

        Raises:
            MissingError: if more than `max_bad_fraction` of them are of no use.
        """
        index = files.index(sources, self.scale, smallest)
        self._judge(part, index.bad, len(sources))
        keep = partial(files.with_low, scale=self.scale) if self.degradation is None else None
        workers = max(1, self.workers) if part == "train" else 1
        share = self.memory_gigabytes / workers
        pairs = Pairs(index.sources, partial(read_pair, scale=self.scale), share, keep)
        self.pairs[part] = pairs
        if part == "train":
            self._warn_of_slow_images(index)
        return pairs

    def _judge(self, part: str, bad: dict[Path, str], count: int) -> None:
        """Name files of no use, and stop if they are too many."""
        if not bad:
            return
        self.bad |= bad
        named = [f"{self._short(path)} ({why})" for path, why in bad.items()]
        counted = f"{len(named)} of {count} {part} images are of no use"
        listed = f"{counted}: {', '.join(named[:NAMED_AT_MOST])}"
        if len(named) > self.max_bad_fraction * count or len(named) == count:
            raise MissingError(f"{listed}; mend them, or raise data.max_bad_fraction")
        rank_zero_warn(f"{listed}; they are left out")

    def fingerprint(self) -> str:
        """Of names and sizes of all files in use."""
        used = [] if self.root is None else [*self.split[0]]
        used += [s for sources in self.validation(whole=False).values() for s in sources]
        paths = [path for s in used for path in (s.high, s.low) if path]
        lines = [f"{self._short(path)} {path.stat().st_size}" for path in paths]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def report(self) -> dict[str, Any]:
        bad = self.bad | {k: v for pairs in self.pairs.values() for k, v in pairs.bad.items()}
        named = {self._short(path): why for path, why in list(bad.items())[:NAMED_AT_MOST]}
        counts = {f"{part.replace(' ', '_')}_images": len(p) for part, p in self.pairs.items()}
        return {**counts, "skipped_images": len(bad), "skipped": named}

    def inspect(self, folder: Path) -> list[str]:
        """What was found, how it is read, what is assumed and what is left out, a line each.

        Args:
            folder: gets a contact sheet per part, with a histogram below every picture.
        """
        parts = {"train": self.split[0]} if self.root is not None else {}
        parts |= {f"validation {n}".strip(): s for n, s in self.validation(whole=False).items()}
        roots = [self.root, *self.validation_sets.values()]
        unread = sum((Counter(pictures.left_out(r)) for r in roots if r is not None), Counter())
        lines = [
            f"left out: {n} {suffix} files, which are not read here" for suffix, n in unread.items()
        ]
        for part, sources in parts.items():
            index = files.index(sources, self.scale, self.smallest)
            lines += [f"{part}: {line}" for line in inspection.described(index)]
            inspection.draw(index, folder / f"{part.replace(' ', '_')}.png")
        return lines

    def _short(self, path: Path) -> str:
        """The path below the folder that it was found in."""
        for name, folder in {"": self.root, **self.validation_sets}.items():
            if folder is not None and path.is_relative_to(folder):
                return (Path(name) / path.relative_to(folder)).as_posix()
        return path.as_posix()

    def _warn_of_slow_images(self, index: Index) -> None:
        needed = 3 * index.pixels * (1 + 1 / self.scale**2) / 1e9
        if needed > self.memory_gigabytes:
            rank_zero_warn(
                f"{needed:.1f} GB of images do not fit in data.memory_gigabytes="
                f"{self.memory_gigabytes:g}; the others are decoded for every crop; raise it, or "
                "data.workers"
            )


class HighResolutionFolder(Folder):
    """High-resolution images; low resolution is made by antialiased bicubic or a degradation.

    Args:
        degradation: null for bicubic, which the literature compares by; otherwise every crop is
            degraded anew.
        others: as in `Folder`.
    """

    def __init__(self, *, degradation: RealWorldDegradation | None = None, **others: Any) -> None:
        super().__init__(**others)
        self.degradation = degradation

    def sources(self, folder: Path) -> list[Source]:
        return high_resolution(folder)


class PairedFolder(Folder):
    """Images of both resolutions, in `hr` and `lr` of each folder, matched by name."""

    def sources(self, folder: Path) -> list[Source]:
        return paired(folder, self.scale)
