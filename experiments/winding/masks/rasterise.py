"""From half-planes to mask images: a sub-pixel OpenCV reference and a batched torch version.

A wedge is the intersection of half-planes `a x + b y + c >= 0` in pixels, given as (N, K, 3) with
normals of length 1, or where `reflex` (N) says so their union. Both versions agree within one pixel
of the boundary.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from launch.tools.blur import gaussian

SHIFT = 4  # fractional bits of polygon corners
Array = np.ndarray
Corners = Sequence[tuple[float, float]]
Plane = tuple[float, float, float]


def wedge(
    planes: Array, reflex: Array, size: tuple[int, int], blur_sigma: float, device: torch.device
) -> tuple[Tensor, list[bool]]:
    """The mask (N, 1, H, W) on `device`, and which wedges have no part in the image.

    Drawn by OpenCV on a CPU, by torch elsewhere.
    """
    polygons = [clipped(*region, size) for region in zip(planes, reflex, strict=True)]
    missed = [
        len(corners) < 3 and not union for corners, union in zip(polygons, reflex, strict=True)
    ]
    if device.type == "cpu":
        return wedge_opencv(polygons, reflex, size, blur_sigma), missed
    kept = torch.from_numpy(planes).to(device, torch.float32)
    return wedge_torch(kept, torch.from_numpy(reflex).to(device), size, blur_sigma), missed


def wedge_opencv(
    polygons: Sequence[Corners], reflex: Array, size: tuple[int, int], blur_sigma: float
) -> Tensor:
    """The polygons of `clipped` filled and blurred by OpenCV; a union is the rest of the image."""
    drawn = np.empty((len(polygons), 1, *size), np.float32)
    for image, polygon, union in zip(drawn[:, 0], polygons, reflex, strict=True):
        sharp = filled(polygon, size)
        soften(255 - sharp if union else sharp, image, blur_sigma)
    return torch.from_numpy(drawn)


def clipped(planes: Array, union: bool, size: tuple[int, int]) -> Corners:
    """The polygon of the image rectangle that lies in all half-planes (K, 3).

    For a union it is the polygon that lies in none. A filled polygon covers the pixels on its
    border too, so that one begins one pixel further out.
    """
    right, bottom = size[1] - 1.0, size[0] - 1.0
    polygon: Corners = [(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)]
    for a, b, c in planes.tolist():
        polygon = clip(polygon, (-a, -b, -c - 1) if union else (a, b, c))
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


def filled(polygon: Corners, size: tuple[int, int]) -> Array:
    """255 inside a polygon of (x, y) corners, (H, W) uint8; nothing below three corners."""
    image = np.zeros(size, np.uint8)
    if len(polygon) >= 3:
        points = np.rint(np.asarray(polygon) * (1 << SHIFT)).astype(np.int32)
        cv2.fillPoly(image, [points], (255,), lineType=cv2.LINE_8, shift=SHIFT)
    return image


def soften(sharp: Array, image: Array, blur_sigma: float) -> None:
    """Write a picture (H, W) uint8, blurred, into `image` (H, W) float32 in [0, 1].

    A blur of 3 pixels and more is done on a smaller image, which takes a fraction of the time and
    moves the edge by less than half a pixel.
    """
    factor = max(1, int(blur_sigma / 1.5))
    height, width = image.shape
    small = (math.ceil(width / factor), math.ceil(height / factor))
    reduced = cv2.resize(sharp, small, interpolation=cv2.INTER_AREA) if factor > 1 else sharp
    soft = reduced.astype(np.float32) * (1 / 255)
    if blur_sigma > 0:
        sigma = math.sqrt((blur_sigma / factor) ** 2 - (0.25 if factor > 1 else 0))
        kernel = (kernel_size(sigma),) * 2
        soft = cv2.GaussianBlur(soft, kernel, sigma, borderType=cv2.BORDER_REFLECT_101)
    cv2.resize(soft, (width, height), dst=image)


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
