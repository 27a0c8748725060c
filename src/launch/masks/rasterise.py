"""From half-planes to mask images: a sub-pixel OpenCV reference and a batched torch version.

A wedge is the intersection of half-planes `a x + b y + c >= 0` in pixels, given as (N, K, 3).
Both versions agree within one pixel of the boundary.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT = 4  # fractional bits of polygon corners
Corners = Sequence[tuple[float, float]]


def wedge(planes: Tensor, size: tuple[int, int], blur_sigma: float) -> Tensor:
    """The mask (N, 1, H, W) on the device of `planes`: OpenCV on a CPU, torch elsewhere."""
    draw = wedge_opencv if planes.device.type == "cpu" else wedge_torch
    return draw(planes, size, blur_sigma)


def wedge_opencv(planes: Tensor, size: tuple[int, int], blur_sigma: float) -> Tensor:
    """The image rectangle clipped by each half-plane, filled and blurred by OpenCV."""
    right, bottom = size[1] - 1.0, size[0] - 1.0
    drawn = np.empty((planes.shape[0], 1, *size), np.float32)
    for image, slice_planes in zip(drawn[:, 0], planes.tolist(), strict=True):
        polygon = [(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)]
        for plane in slice_planes:
            polygon = clip(polygon, plane)
        fill(polygon, image, blur_sigma)
    return torch.from_numpy(drawn)


def clip(
    polygon: Sequence[tuple[float, float]], plane: Sequence[float]
) -> list[tuple[float, float]]:
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


def fill(polygon: Corners | np.ndarray, image: np.ndarray, blur_sigma: float) -> None:
    """Draw a filled, blurred polygon of (x, y) corners into `image` (H, W) float32.

    Below three corners the image is empty. A blur of 3 pixels and more is done on a smaller image,
    which takes a fraction of the time and moves the edge by less than half a pixel.
    """
    sharp = np.zeros(image.shape, np.uint8)
    if len(polygon) >= 3:
        points = np.rint(np.asarray(polygon) * (1 << SHIFT)).astype(np.int32)
        cv2.fillPoly(sharp, [points], (255,), lineType=cv2.LINE_8, shift=SHIFT)
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


def wedge_torch(planes: Tensor, size: tuple[int, int], blur_sigma: float) -> Tensor:
    """Every pixel centre tested against every half-plane, then blurred; no synchronisation."""
    height, width = size
    y = torch.arange(height, device=planes.device, dtype=planes.dtype)[:, None]
    x = torch.arange(width, device=planes.device, dtype=planes.dtype)
    a, b, c = planes[..., None, None].unbind(2)  # each (N, K, 1, 1)
    inside = (a * x + (b * y + c)).amin(1, keepdim=True) >= 0
    return blur(inside.to(planes.dtype), blur_sigma)


def blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (N, 1, H, W), reflecting at the border without repeating the edge."""
    if sigma <= 0:
        return image
    radius = min(kernel_size(sigma) // 2, min(image.shape[-2:]) - 1)
    place = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(image, (radius,) * 4, mode="reflect")
    rows = F.conv2d(padded, kernel.view(1, 1, 1, -1))
    return F.conv2d(rows, kernel.view(1, 1, -1, 1)).clamp(0, 1)


def kernel_size(sigma: float) -> int:
    """The odd number nearest above six sigma, at least 3."""
    return max(3, math.floor(6 * sigma + 0.5) | 1)
