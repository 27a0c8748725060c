"""From half-planes to mask images: a sub-pixel OpenCV reference and a batched torch version.

A wedge is the intersection of half-planes `a x + b y + c >= 0` in pixels, K of them for each of N
slices with normals of length 1, or where `reflex` (N) says so their union. Both versions agree
within one pixel of the boundary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from torch import Tensor

from launch.errors import ConfigError
from launch.tools.blur import gaussian

SHIFT = 4  # fractional bits of polygon corners
Array = np.ndarray
Corners = Sequence[tuple[float, float]]
Plane = tuple[float, float, float]


@dataclass(frozen=True)
class Grid:
    """The pixels that a mask of an image (H, W) is drawn on; corners lie on corners.

    Attributes:
        size: rows and columns.
        step: distance of two rows, and of two columns, in pixels of the image.
        parts: pixels of the polygon's picture along the edge of one of these.
    """

    size: tuple[int, int]
    step: tuple[float, float]
    parts: int


@cache
def grid_of(size: tuple[int, int], blur_sigma: float) -> Grid:
    """No finer than a blur needs: a pixel for four fifths of a standard deviation."""
    widest = max(1.0, blur_sigma / 1.25)
    few = [math.ceil((n - 1) / widest) + 1 for n in size]
    step = [(n - 1) / max(1, m - 1) for n, m in zip(size, few, strict=True)]
    return Grid((few[0], few[1]), (step[0] or 1.0, step[1] or 1.0), round(widest))


def wedge(
    planes: Sequence[Sequence[Plane]],
    reflex: Sequence[bool],
    size: tuple[int, int],
    blur_sigma: float,
    device: torch.device,
) -> tuple[Tensor, list[bool]]:
    """The mask on `device`, and which wedges have no part in the image of (H, W).

    On a CPU OpenCV draws it, (N, 1, h, w) of a `Grid`; elsewhere torch, (N, 1, H, W).

    Raises:
        ConfigError: when the blur is wider than the image, which would leave one grey.
    """
    if blur_sigma > min(size):
        raise ConfigError(
            f"blur_sigma {blur_sigma:g} is wider than the image of {size[1]}x{size[0]} model "
            "pixels and would leave one grey; it is in pixels, a few are usual"
        )
    on_cpu = device.type == "cpu"
    grid = grid_of(size, blur_sigma if on_cpu else 0.0)
    polygons = [clipped(*region, grid) for region in zip(planes, reflex, strict=True)]
    missed = [
        len(corners) < 3 and not union for corners, union in zip(polygons, reflex, strict=True)
    ]
    if on_cpu:
        return wedge_opencv(polygons, reflex, grid, blur_sigma), missed
    kept = torch.tensor(planes, dtype=torch.float32, device=device)
    return wedge_torch(kept, torch.tensor(reflex, device=device), size, blur_sigma), missed


def wedge_opencv(
    polygons: Sequence[Corners], reflex: Sequence[bool], grid: Grid, blur_sigma: float
) -> Tensor:
    """The polygons of `clipped` filled and blurred by OpenCV; a union is the rest of the image."""
    drawn = np.empty((len(polygons), 1, *grid.size), np.float32)
    for image, polygon, union in zip(drawn[:, 0], polygons, reflex, strict=True):
        sharp = filled(polygon, grid)
        soften(255 - sharp if union else sharp, image, grid, blur_sigma)
    return torch.from_numpy(drawn)


def clipped(planes: Sequence[Plane], union: bool, grid: Grid) -> Corners:
    """The polygon (x, y) of the image that lies in all half-planes.

    For a union it is the polygon that lies in none. A filled polygon covers what its border touches
    too, so that each line lies half a part further in, unless nothing would be left then.
    """
    half = 0.5 * max(grid.step) / grid.parts
    return cut(planes, union, grid, half) or cut(planes, union, grid, 0.0)


def cut(planes: Sequence[Plane], union: bool, grid: Grid, inset: float) -> Corners:
    """`clipped`, with each line `inset` pixels of the image further in."""
    (rows, columns), (down, across) = grid.size, grid.step
    beyond = 0.5 - 0.5 / grid.parts  # of a pixel, to the outermost parts
    left, right = -beyond * across, (columns - 1 + beyond) * across
    top, bottom = -beyond * down, (rows - 1 + beyond) * down
    polygon: Corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    for a, b, c in planes:
        inside = (a, b, c - inset) if a or b else (a, b, c)  # without a direction: bounds nothing
        polygon = clip(polygon, (-a, -b, -c - inset) if union else inside)
    return polygon


def clip(polygon: Corners, plane: Plane) -> list[tuple[float, float]]:
    """The part of a convex polygon on the non-negative side (Sutherland-Hodgman)."""
    a, b, c = plane
    values = [a * x + b * y + c for x, y in polygon]
    kept: list[tuple[float, float]] = []
    for place, (point, value) in enumerate(zip(polygon, values, strict=True)):
        before, previous = polygon[place - 1], values[place - 1]
        if (previous >= 0) != (value >= 0):
            share = previous / (previous - value)
            x, y = (p + share * (q - p) for p, q in zip(before, point, strict=True))
            kept.append((x, y))
        if value >= 0:
            kept.append(point)
    return kept


def filled(polygon: Corners, grid: Grid) -> Array:
    """255 inside a polygon of (x, y) corners, uint8 of all parts; nothing below three corners.

    It is valid until the next call.
    """
    parts, image = grid.parts, canvas(grid)
    image.fill(0)
    if len(polygon) >= 3:
        down, across = (parts * (1 << SHIFT) / step for step in grid.step)
        first = (parts - 1) / 2 * (1 << SHIFT)
        points = [(round(x * across + first), round(y * down + first)) for x, y in polygon]
        cv2.fillPoly(image, [np.array(points, np.int32)], (255,), lineType=cv2.LINE_8, shift=SHIFT)
    return image


@cache
def canvas(grid: Grid) -> Array:
    """What `filled` draws on, the same each time: fresh pages of the system cost more."""
    return np.empty([grid.parts * n for n in grid.size], np.uint8)


def soften(sharp: Array, image: Array, grid: Grid, blur_sigma: float) -> None:
    """Write a picture of `filled`, blurred, into `image` (h, w) float32 in [0, 1].

    On a coarser grid that takes a fraction of the time, and an edge still lies within a pixel of
    the full image.
    """
    if blur_sigma <= 0:
        np.multiply(sharp, 1 / 255, out=image, dtype=np.float32)
        return
    if grid.parts > 1:
        mirror(sharp, grid.parts)
        mirror(sharp.T, grid.parts)
        sharp = cv2.resize(sharp, grid.size[::-1], interpolation=cv2.INTER_AREA)
    down, across = (kernel(blur_sigma / step, grid.parts) for step in grid.step)
    border = cv2.BORDER_REFLECT_101
    cv2.sepFilter2D(sharp, cv2.CV_32F, across / 255, down, dst=image, borderType=border)


def mirror(sharp: Array, parts: int) -> None:
    """Rows of parts beyond the image, half a pixel at each end, as the blur mirrors the others."""
    beyond = parts // 2
    sharp[:beyond] = sharp[parts - 1 : parts - 1 - beyond : -1]
    sharp[-beyond:] = sharp[beyond - parts - 1 : -parts - 1 : -1]


@cache
def kernel(sigma: float, parts: int) -> Array:
    """Of a Gaussian blur, less what averaging parts and reading between pixels blur anyway."""
    rest = math.sqrt(sigma**2 - (0.25 if parts > 1 else 0))
    return cv2.getGaussianKernel(kernel_size(rest), rest, cv2.CV_32F)


def wedge_torch(planes: Tensor, reflex: Tensor, size: tuple[int, int], blur_sigma: float) -> Tensor:
    """Every pixel centre tested against every half-plane, then blurred; no synchronisation."""
    height, width = size
    y = torch.arange(height, device=planes.device, dtype=planes.dtype)[:, None]
    x = torch.arange(width, device=planes.device, dtype=planes.dtype)
    a, b, c = planes[..., None, None].unbind(2)  # each (N, K, 1, 1)
    distance = a * x + (b * y + c)
    union = reflex[:, None, None, None]
    nearest = torch.where(union, distance.amax(1, keepdim=True), distance.amin(1, keepdim=True))
    return gaussian((nearest >= 0).to(planes.dtype), blur_sigma).clamp(0, 1)


def kernel_size(sigma: float) -> int:
    """The odd number nearest above six sigma, at least 3."""
    return max(3, math.floor(6 * sigma + 0.5) | 1)
