"""Where a mesh starts: a straight strip along the layers, as long as the material they run through.

Torch-free. Positions are (x, y) in model pixels; t is the direction of the layers, n their normal.
"""

import math
from dataclasses import dataclass

import numpy as np

from launch.experiments.winding.channels import Channels, Image

NEAR = 0.1  # of the image: how much of it decides the direction
BAND = 0.1  # of the shorter side: lines this close to the axis decide its length


@dataclass(frozen=True)
class Strip:
    """A rectangle of the image.

    Attributes:
        angle: of the layer normal, in (-pi/2, pi/2].
        centre: (x, y), half-way between the ends of the material on both axes.
        length: along the layers, in pixels.
        width: across them.
    """

    angle: float
    centre: tuple[float, float]
    length: float
    width: float


def strip(channels: Channels) -> Strip:
    """Along the layers at the middle of the material, from one end of it to the other."""
    material = channels.valid.max(0) > 0
    if not material.any():
        material = np.ones_like(material)
    middle = inside(material)
    angle = layer_angle(channels, middle)
    normal = np.array([math.cos(angle), math.sin(angle)])
    layer = np.array([-normal[1], normal[0]])
    y, x = np.nonzero(material)
    offset = np.stack([x, y], -1) - middle
    along, across = offset @ layer, offset @ normal
    band = 0.5 * BAND * min(material.shape)
    first, last = ends(along, across, band)
    left, right = ends(across, along, band)
    centre = middle + 0.5 * (first + last) * layer + 0.5 * (left + right) * normal
    return Strip(angle, (float(centre[0]), float(centre[1])), last - first + 1, right - left + 1)


def inside(material: Image) -> Image:
    """The middle (x, y) of the material's bounding box, or the nearest of its pixels."""
    y, x = np.nonzero(material)
    middle = np.array([0.5 * (x.min() + x.max()), 0.5 * (y.min() + y.max())])
    distance = np.hypot(x - middle[0], y - middle[1])
    nearest = int(distance.argmin())
    return middle if distance[nearest] < 1 else np.array([x[nearest], y[nearest]], float)


def ends(place: Image, aside: Image, band: float) -> tuple[float, float]:
    """First and last `place` of the pixels of a line, the median over the lines of a band.

    So a gap at the end of one line says nothing.
    """
    near = np.abs(aside) <= max(band, 1.0)
    lines = np.rint(aside[near]).astype(int)
    lines -= lines.min()
    first, last = np.full(lines.max() + 1, np.inf), np.full(lines.max() + 1, -np.inf)
    np.minimum.at(first, lines, place[near])
    np.maximum.at(last, lines, place[near])
    found = np.isfinite(first)
    return float(np.median(first[found])), float(np.median(last[found]))


def layer_angle(channels: Channels, middle: Image) -> float:
    """Angle of the layer normal around a place.

    Averages the doubled angle, which has no sign, under a Gaussian and over the slices.
    """
    height, width = channels.size
    y = (np.arange(height) - middle[1]) / (NEAR * height)
    x = (np.arange(width) - middle[0]) / (NEAR * width)
    weight = np.exp(-0.5 * (y[:, None] ** 2 + x**2)) * channels.valid
    cos = (2 * channels.dir0 - 1) * weight
    sin = cos - math.sqrt(2) * (2 * channels.dir1 - 1) * weight
    return 0.5 * math.atan2(float(sin.sum()), float(cos.sum()))
