"""Low- and high-resolution pairs in memory: random crops to train on, whole images to judge by.

# h w low-resolution height and width, s the scale; arrays are uint8, channels first
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from launch.experiments.sr.resize import REACH, mirrored, quantise, shrunk
from launch.train.data import Key, rng

CROPS_PER_IMAGE = 64
DEGRADATION_MARGIN = 8

Degradation = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
"""High (3, sh, sw), the scale and a generator -> low (3, h, w)."""
Sample = dict[str, Tensor]


@dataclass(frozen=True)
class Pair:
    """One image at both resolutions: high (3, sh, sw) and low (3, h, w).

    `low` is None where it is made anew for every crop: by a degradation, or because the pair is
    not kept and the whole image would be shrunk for one window. `grey` says that the file is.
    """

    high: np.ndarray
    low: np.ndarray | None
    grey: bool = False
    name: str = ""

    @property
    def nbytes(self) -> int:
        return self.high.nbytes + (0 if self.low is None else self.low.nbytes)


@dataclass(frozen=True)
class Window:
    """A rectangle on the low-resolution grid."""

    top: int
    left: int
    height: int
    width: int

    def of(self, pixels: np.ndarray, scale: int = 1) -> np.ndarray:
        top, left, height, width = (
            scale * n for n in (self.top, self.left, self.height, self.width)
        )
        return pixels[:, top : top + height, left : left + width]


def random_window(height: int, width: int, side: int, draw: np.random.Generator) -> Window:
    """A square anywhere inside; as long as the image where that is shorter."""
    tall, wide = min(side, height), min(side, width)
    top, left = draw.integers([height - tall + 1, width - wide + 1])
    return Window(int(top), int(left), tall, wide)


def central_window(height: int, width: int, side: int) -> Window:
    tall, wide = min(side, height), min(side, width)
    return Window((height - tall) // 2, (width - wide) // 2, tall, wide)


def to_float(pixels: np.ndarray) -> Tensor:
    """Levels 0..255, whatever their strides -> contiguous float32 in [0, 1]."""
    return torch.from_numpy(np.divide(pixels, np.float32(255), order="C"))


def shrink(high: np.ndarray, scale: int, window: Window | None = None) -> np.ndarray:
    """The low-resolution image of the literature: antialiased bicubic, rounded to 8 bits.

    Args:
        window: the part of the result that is asked for; its pixels are those of the whole.
    """
    if window is None:
        window = Window(0, 0, *(n // scale for n in high.shape[1:]))
    rows, columns = (
        mirrored(length, scale * (first - REACH), scale * (count + 2 * REACH)).numpy()
        for length, first, count in (
            (high.shape[1], window.top, window.height),
            (high.shape[2], window.left, window.width),
        )
    )
    bordered = to_float(high[:, rows[:, None], columns])
    low = quantise(shrunk(bordered[None], scale))[0]
    return low.mul(255).round().byte().numpy()


def turned(pixels: np.ndarray, turn: int) -> np.ndarray:
    """One of the 8 flips and quarter turns, by number."""
    quarter = np.rot90(pixels, turn % 4, axes=(1, 2))
    return quarter[..., ::-1] if turn >= 4 else quarter


class Crops(Dataset[Sample]):
    """Random crops, {"low": (3, c, c), "high": (3, sc, sc)} in [0, 1].

    An epoch takes 64 crops of every image. A key gives the same crop in any process.

    Args:
        crop: side c on the low-resolution grid.
        augment: flip and turn each crop at random.
        degradation: makes the low crop where a pair has no `low`.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        scale: int,
        crop: int,
        seed: int,
        augment: bool = True,
        degradation: Degradation | None = None,
    ) -> None:
        self.pairs, self.scale, self.crop, self.seed = pairs, scale, crop, seed
        self.augment, self.degradation = augment, degradation

    def __len__(self) -> int:
        return len(self.pairs) * CROPS_PER_IMAGE

    def __getitem__(self, key: Key) -> Sample:
        epoch, index = key
        draw = rng(self.seed, epoch, index)
        pair = self.pairs[index % len(self.pairs)]
        if self.degradation is not None and pair.low is None:
            pair = self._degraded(pair.high, draw)
        height, width = (n // self.scale for n in pair.high.shape[1:])
        window = random_window(height, width, self.crop, draw)
        turn = int(draw.integers(8)) if self.augment else 0
        high = window.of(pair.high, self.scale)
        low = shrink(pair.high, self.scale, window) if pair.low is None else window.of(pair.low)
        return {"low": to_float(turned(low, turn)), "high": to_float(turned(high, turn))}

    def _degraded(self, high: np.ndarray, draw: np.random.Generator) -> Pair:
        """A little more than the crop, so that the place of the crop on the JPEG grid varies."""
        assert self.degradation is not None
        height, width = (n // self.scale for n in high.shape[1:])
        window = random_window(height, width, self.crop + DEGRADATION_MARGIN, draw)
        part = window.of(high, self.scale)
        return Pair(part, self.degradation(part, self.scale, draw))


class WholeImages(Dataset[Sample]):
    """Images to validate on, {"low": (3, h, w), "high": (3, sh, sw)} in [0, 1].

    With "grey", whether the file is; "name"; and "set", the name of the validation set, or "".
    Degradations depend on the image only, so that all runs are judged by the same pixels.

    Args:
        side: longest high-resolution side; the centre of a larger image is taken. None: no limit.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        scale: int,
        side: int | None = None,
        degradation: Degradation | None = None,
        name: str = "",
    ) -> None:
        self.pairs, self.scale, self.side, self.degradation = pairs, scale, side, degradation
        self.name = name

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        pair = self.pairs[index]
        height, width = (n // self.scale for n in pair.high.shape[1:])
        side = max(height, width) if self.side is None else self.side // self.scale
        window = central_window(height, width, side)
        high = window.of(pair.high, self.scale)
        if pair.low is not None:
            low = window.of(pair.low)
        elif self.degradation is not None:
            low = self.degradation(high, self.scale, rng(0, 0, index))
        else:
            low = shrink(pair.high, self.scale, window)
        name = pair.name or f"image {index}"
        sample = {"low": to_float(low), "high": to_float(high)}
        return sample | {"grey": pair.grey, "name": name, "set": self.name}
