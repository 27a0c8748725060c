"""Which files belong together: indexed by their headers, decoded when they are asked for.

A folder that cannot be read in full is not an error: damaged and too small images are named and
left out.
"""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from launch.errors import MissingError
from launch.experiments.sr.pairs import Pair, Window, shrink
from launch.tools import pictures
from launch.tools.names import distinct_names
from launch.tools.pictures import Header, UnreadableImageError

HELD_OUT = 0.1


@dataclass(frozen=True)
class Source:
    """The files of one pair; without `low` it is made from the high one."""

    name: str
    high: Path
    low: Path | None = None


def high_resolution(folder: Path) -> list[Source]:
    """All images below a folder."""
    return [Source(name, path) for path, name in _names(pictures.find(folder), folder)]


def paired(folder: Path, scale: int) -> list[Source]:
    """Every name in `hr` or `lr`; the index tells which partner is missing.

    A low image may carry the scale, as in DIV2K: `lr/0001x4.png` belongs to `hr/0001.png`.

    Raises:
        MissingError: if one of the two folders is not there.
    """
    low, high = folder / "lr", folder / "hr"
    for part in (low, high):
        if not part.is_dir():
            raise MissingError(f"{part} is missing; paired images go to hr and lr in {folder}")
    lows = {n.removesuffix(f"x{scale}"): p for p, n in _names(pictures.find(low), low)}
    highs = {name: path for path, name in _names(pictures.find(high), high)}
    return [
        Source(name, highs.get(name, high / f"{name}.png"), lows.get(name, low / f"{name}.png"))
        for name in sorted(lows | highs)
    ]


@dataclass(frozen=True)
class Index:
    """The sources whose headers are in order, and the files for which others were left out.

    `pixels` are those of all their high images.
    """

    sources: list[Source]
    bad: dict[Path, str]
    pixels: int


def index(sources: Sequence[Source], scale: int, smallest: int) -> Index:
    """Look at the headers of all files, without decoding any.

    Args:
        smallest: shortest low-resolution side that is of use.
    """

    good, bad, pixels = [], {}, 0
    for source in sources:
        try:
            header = check(source, scale, smallest)
        except UnreadableImageError as error:
            bad[error.path] = error.reason
            continue
        good.append(source)
        pixels += header.height * header.width
    return Index(good, bad, pixels)


def check(source: Source, scale: int, smallest: int) -> Header:
    """The header of the high image.

    Raises:
        UnreadableImageError: if a file has no header, is too small or not of its partner's size.
    """
    high = pictures.header(source.high)
    sides = high.height // scale, high.width // scale
    if min(sides) < smallest:
        least = smallest * scale
        reason = f"{size_of(high)} is too small, both sides must be at least {least}"
        raise UnreadableImageError(source.high, reason)
    if source.low is not None:
        low = pictures.header(source.low)
        if (low.height, low.width) != sides:
            reason = f"{size_of(low)} is not 1/{scale} of {size_of(high)}"
            raise UnreadableImageError(source.low, reason)
    return high


def size_of(header: Header) -> str:
    return f"{header.width}x{header.height}"


class Pairs(Sequence[Pair]):
    """Pairs of a list of sources, decoded when asked for and kept while memory lasts.

    A file that turns out to be damaged is named once, and the next one takes its place: the same
    in every process.

    Args:
        read: decodes a source.
        keep: makes what is kept of a pair that fits in memory, such as one with its low image.
        gigabytes: of pairs kept in this process.

    Attributes:
        bad: files that could not be decoded, and why.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        read: Callable[[Source], Pair],
        gigabytes: float,
        keep: Callable[[Pair], Pair] | None = None,
    ):
        self.sources, self.read, self.keep = list(sources), read, keep
        self.left = gigabytes * 1e9
        self.kept: dict[int, Pair] = {}
        self.bad: dict[Path, str] = {}
        self.damaged: set[int] = set()

    @property
    def decoded(self) -> int:
        return len(self.kept)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        for place in range(index, index + len(self)):
            pair = self._at(place % len(self))
            if pair is not None:
                return pair
        raise MissingError(f"none of {len(self)} images can be decoded: {next(iter(self.bad))}")

    def without_damaged(self) -> "Pairs":
        """Decode all, and leave out those that cannot be."""
        whole = [i for i in range(len(self)) if self._at(i) is not None]
        rest = Pairs([self.sources[i] for i in whole], self.read, 0, self.keep)
        rest.kept = {n: self.kept[i] for n, i in enumerate(whole) if i in self.kept}
        rest.left, rest.bad = self.left, self.bad
        return rest

    def _at(self, index: int) -> Pair | None:
        if index in self.kept:
            return self.kept[index]
        if index in self.damaged:
            return None
        try:
            pair = self.read(self.sources[index])
        except UnreadableImageError as error:
            self.damaged.add(index)
            self.bad[error.path] = error.reason
            warnings.warn(f"{error.message}; it is left out", stacklevel=2)
            return None
        if pair.nbytes <= self.left:
            pair = pair if self.keep is None else self.keep(pair)
            self.kept[index] = pair
            self.left -= pair.nbytes
        return pair


def read_pair(source: Source, scale: int) -> Pair:
    """Decode one source to 8 bits; the high image is cut to a multiple of the scale.

    Raises:
        UnreadableImageError: if a file is damaged.
    """
    full, grey = read_pixels(source.high)
    height, width = (n // scale for n in full.shape[1:])
    high = Window(0, 0, height, width).of(full, scale)
    low = None if source.low is None else read_pixels(source.low)[0]
    return Pair(high, low, grey, source.name)


def with_low(pair: Pair, scale: int) -> Pair:
    """The pair in memory, with its low image made from the high one if it has none."""
    high = np.ascontiguousarray(pair.high)
    return replace(pair, high=high, low=shrink(high, scale) if pair.low is None else pair.low)


def read_pixels(path: Path) -> tuple[np.ndarray, bool]:
    """RGB (3, H, W) uint8, and whether the file is grey; alpha is left out."""
    picture = pictures.read(path)
    return picture.rgb8.transpose(2, 0, 1), picture.grey


def hold_out(sources: Sequence[Source], at_most: int) -> tuple[list[Source], list[Source]]:
    """Split into training and validation by a hash of the name, a tenth or `at_most` held out.

    A file keeps its place in the order when others come and go.
    """
    ranked = sorted(sources, key=lambda s: hashlib.sha256(s.name.encode()).digest())
    count = min(at_most, max(1, int(HELD_OUT * len(ranked))))
    held = {source.name for source in ranked[:count]}
    return [s for s in sources if s.name not in held], [s for s in sources if s.name in held]


def _names(files: Sequence[Path], folder: Path) -> list[tuple[Path, str]]:
    """Names below a folder, without suffix unless two files differ in nothing else."""
    names = distinct_names([path.relative_to(folder) for path in files])
    return list(zip(files, names, strict=True))
