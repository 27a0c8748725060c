"""Which files belong together, and reading them into memory.

A folder that cannot be read in full is not an error: damaged and too small images are named and
left out.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from launch.experiments.sr import images
from launch.experiments.sr.images import UnreadableImageError
from launch.experiments.sr.pairs import Pair, Window, shrink

from launch.errors import MissingError

HELD_OUT = 0.1


@dataclass(frozen=True)
class Source:
    """The files of one pair; without `low` it is made from the high one."""

    name: str
    high: Path
    low: Path | None = None


def high_resolution(folder: Path) -> list[Source]:
    """All images below a folder."""
    return [Source(_name(path, folder), path) for path in images.find(folder)]


def paired(folder: Path, scale: int) -> list[Source]:
    """Every name in `hr` or `lr`; reading tells which partner is missing.

    A low image may carry the scale, as in DIV2K: `lr/0001x4.png` belongs to `hr/0001.png`.

    Raises:
        MissingError: if one of the two folders is not there.
    """
    low, high = folder / "lr", folder / "hr"
    for part in (low, high):
        if not part.is_dir():
            raise MissingError(f"{part} is missing; paired images go to hr and lr in {folder}")
    lows = {_name(path, low).removesuffix(f"x{scale}"): path for path in images.find(low)}
    highs = {_name(path, high): path for path in images.find(high)}
    return [
        Source(name, highs.get(name, high / f"{name}.png"), lows.get(name, low / f"{name}.png"))
        for name in sorted(lows | highs)
    ]


class Pairs(Sequence[Pair]):
    """Pairs of a list of sources; those that do not fit in memory are read again when asked for.

    Attributes:
        bad: the files for which sources were left out, and why.
        decoded: how many pairs are in memory.
    """

    def __init__(self, sources: Sequence[Source], read: Callable[[Source], Pair], gigabytes: float):
        self.read = read
        self.sources: list[Source] = []
        self.kept: list[Pair | None] = []
        self.bad: dict[Path, str] = {}
        left = gigabytes * 1e9
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for source, result in zip(sources, pool.map(self._attempt, sources), strict=True):
                if isinstance(result, UnreadableImageError):
                    self.bad[result.path] = result.reason
                    continue
                left -= result.nbytes
                self.sources.append(source)
                self.kept.append(result if left >= 0 else None)

    @property
    def decoded(self) -> int:
        return sum(pair is not None for pair in self.kept)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: Any) -> Any:
        kept = self.kept[index]
        return self.read(self.sources[index]) if kept is None else kept

    def _attempt(self, source: Source) -> Pair | UnreadableImageError:
        try:
            return self.read(source)
        except UnreadableImageError as error:
            return error


def read_pair(source: Source, scale: int, smallest: int, with_low: bool) -> Pair:
    """Decode one source to 8 bits; the high image is cut to a multiple of the scale.

    Args:
        smallest: shortest low-resolution side that is of use.
        with_low: make the low image if it has no file of its own.

    Raises:
        UnreadableImageError: if a file is damaged, too small or not of the size of its partner.
    """
    full = read_pixels(source.high)
    height, width = (n // scale for n in full.shape[1:])
    if min(height, width) < smallest:
        size = f"{full.shape[2]}x{full.shape[1]}"
        reason = f"{size} is too small, both sides must be at least {smallest * scale}"
        raise UnreadableImageError(source.high, reason)
    high = np.ascontiguousarray(Window(0, 0, height, width).of(full, scale))
    if source.low is None:
        return Pair(high, shrink(high, scale) if with_low else None)
    low = read_pixels(source.low)
    if low.shape[1:] != (height, width):
        sizes = f"{low.shape[2]}x{low.shape[1]} is not 1/{scale} of {full.shape[2]}x{full.shape[1]}"
        raise UnreadableImageError(source.low, sizes)
    return Pair(high, low)


def read_pixels(path: Path) -> np.ndarray:
    """RGB (3, H, W) uint8; alpha is left out."""
    rgb = np.rint(images.read(path).rgb * 255).astype(np.uint8)
    return np.ascontiguousarray(rgb.transpose(2, 0, 1))


def hold_out(sources: Sequence[Source], at_most: int) -> tuple[list[Source], list[Source]]:
    """Split into training and validation by a hash of the name, a tenth or `at_most` held out.

    A file keeps its place in the order when others come and go.
    """
    ranked = sorted(sources, key=lambda s: hashlib.sha256(s.name.encode()).digest())
    count = min(at_most, max(1, int(HELD_OUT * len(ranked))))
    held = {source.name for source in ranked[:count]}
    return [s for s in sources if s.name not in held], [s for s in sources if s.name in held]


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()
