"""What a fit reads: four maps of the layers and where they are valid.

| map     | range  | meaning                                                                  |
|---------|--------|--------------------------------------------------------------------------|
| cosine  | [0, 1] | 1 on a layer, 0 half-way to the next                                     |
| density | >= 0   | windings per full-resolution pixel, across the layers                    |
| dir0    | [0, 1] | `.5 + .5 cos 2t` of the angle t of the layer normal                      |
| dir1    | [0, 1] | `.5 + .5 cos(2t + pi/4)`                                                 |
| valid   | {0, 1} | whether the pixel is part of the slice                                   |

All are (N, H, W) float32 in model pixels; one model pixel is `downscale` full-resolution pixels.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from launch.errors import MissingError

MAPS = ("cosine", "density", "dir0", "dir1", "valid")
Image = np.ndarray


@dataclass(frozen=True)
class Truth:
    """Known winding position of every pixel, (N, H, W); a layer is where it is a whole number."""

    winding: Image
    valid: Image
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Channels:
    """The maps of N slices, the picture to draw them on, and the truth where it is known.

    Attributes:
        picture: (N, H, W) in [0, 1].
        origin: full-resolution position (x, y) of the centre of the first model pixel.
        z: full-resolution position of each slice; None where it is not known.
        assumed: what the files did not say, one sentence each.

    Raises:
        MissingError: when the maps differ in shape or hold NaN.
    """

    cosine: Image
    density: Image
    dir0: Image
    dir1: Image
    valid: Image
    downscale: float = 1.0
    origin: tuple[float, float] = (0.0, 0.0)
    z: tuple[float, ...] | None = None
    picture: Image | None = None
    truth: Truth | None = None
    name: str = "slice"
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in MAPS:
            values = getattr(self, key)
            if values.shape != self.cosine.shape or values.ndim != 3:
                raise MissingError(
                    f"{self.name}: channel {key} is {values.shape}, cosine is {self.cosine.shape}; "
                    "all must be (slices, height, width)"
                )
            bad = int(np.size(values) - np.isfinite(values).sum())
            if bad:
                raise MissingError(
                    f"{self.name}: channel {key} has {bad} NaN or infinite pixels; mark them in "
                    "the validity channel and replace them by 0"
                )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in model pixels."""
        return self.cosine.shape[1], self.cosine.shape[2]

    @property
    def slice_step(self) -> float:
        """Mean distance of two slices in model pixels; 1 where it is not known."""
        if self.z is None or len(self.z) < 2:
            return 1.0
        return abs(self.z[-1] - self.z[0]) / (len(self.z) - 1) / self.downscale

    def stack(self) -> Image:
        """(N, 5, H, W) in the order of `MAPS`."""
        return np.stack([getattr(self, key) for key in MAPS], 1).astype(np.float32)

    def pitch(self) -> float:
        """Median distance of two layers around the centre, in model pixels."""
        height, width = self.size
        middle = self.density[:, height // 4 : -height // 4, width // 4 : -width // 4]
        typical = float(np.median(middle[middle > 0])) if (middle > 0).any() else 0.0
        return 1 / max(typical * self.downscale, 1e-3)


def flag_gaps(channels: Channels, least: float = 0.5) -> Channels:
    """Channels whose pixels without a direction are invalid.

    The two direction channels are a vector of length 1 where the layer normal is known. A network
    that cannot see it averages over directions, and so does a blur, and the vector shrinks: below
    `least` the pixel says nothing, whatever its validity claims.
    """
    cos = 2 * channels.dir0 - 1
    sin = cos - math.sqrt(2) * (2 * channels.dir1 - 1)
    known = np.hypot(cos, sin) >= least
    return replace(channels, valid=channels.valid * known)


def encode(angle_x2_cos: Image, angle_x2_sin: Image) -> tuple[Image, Image]:
    """`dir0` and `dir1` from cosine and sine of the doubled angle."""
    shifted = (angle_x2_cos - angle_x2_sin) / math.sqrt(2)
    return 0.5 + 0.5 * angle_x2_cos, 0.5 + 0.5 * shifted


def encode_gradient(gradient_x: Image, gradient_y: Image) -> tuple[Image, Image]:
    """`dir0` and `dir1` of a gradient field."""
    square = gradient_x**2 + gradient_y**2 + 1e-12
    cos = (gradient_x**2 - gradient_y**2) / square
    return encode(cos, 2 * gradient_x * gradient_y / square)
