"""Where the pixels of a patch lie: all maps move alike, and the vectors of the normal map turn too.

All of it works on planes of bytes, see `layers`: 17 of (H, W) for a patch.
"""

from collections.abc import Callable

import cv2
import numpy as np

from launch.experiments.pbr.layers import (
    DEPTH,
    FLAT_LEVELS,
    NEAREST,
    PLACES,
    WIDE,
    constant,
    is_constant,
)

cv2.setNumThreads(1)  # loader processes share the cores already

Generator = np.random.Generator
Planes = list[np.ndarray]
Move = Callable[[np.ndarray, np.ndarray | None], np.ndarray]

MILD = 1.5  # reduction up to which bilinear sampling skips no pixel


def turn(planes: Planes, quarter: int, mirror_x: bool, mirror_y: bool) -> Planes:
    """Rotate by quarter turns to the left, then mirror, pixels and normals."""
    moved = [turn_plane(plane, quarter, mirror_x, mirror_y) for plane in planes]
    start = PLACES["normal"].start
    x, y = moved[start : start + 2]
    for _ in range(quarter % 4):
        x, y = cv2.bitwise_not(y), x
    moved[start] = cv2.bitwise_not(x) if mirror_x else x
    moved[start + 1] = cv2.bitwise_not(y) if mirror_y else y
    return moved


def flatten(planes: Planes) -> None:
    """Normals that point to the viewer everywhere."""
    planes[PLACES["normal"]] = [constant(level, *planes[0].shape) for level in FLAT_LEVELS]


def turn_plane(plane: np.ndarray, quarter: int, mirror_x: bool, mirror_y: bool) -> np.ndarray:
    """A quarter turn to the left is a transposition, then a mirroring upside down."""
    sideways = quarter % 2 == 1
    mirror_x ^= quarter in (2, 3)
    mirror_y ^= quarter in (1, 2)
    if is_constant(plane):
        return plane.T if sideways else plane
    if sideways:
        plane = cv2.transpose(plane)
    if mirror_x or mirror_y:
        plane = cv2.flip(plane, -1 if mirror_x and mirror_y else int(mirror_x))
    return plane


def resize(planes: Planes, out: Planes) -> None:
    """Write planes at the size of those in `out`: labels by the nearest pixel."""
    old, new = planes[0].shape, out[0].shape
    if old == new:
        for plane, target in zip(planes, out, strict=True):
            if plane is not target:
                target[...] = plane
        return
    smooth = cv2.INTER_AREA if old[0] > MILD * new[0] else cv2.INTER_LINEAR

    def move(kind: int) -> Move:
        return lambda plane, target: cv2.resize(plane, new[::-1], target, interpolation=kind)

    transform(planes, out, move(smooth), move(cv2.INTER_NEAREST))


def transform(planes: Planes, out: Planes, smooth: Move, nearest: Move) -> None:
    """Move the pixels of every plane in the way that fits what it holds.

    Args:
        smooth, nearest: plane, target -> moved plane, in the target if there is one.
    """
    for i in range(DEPTH):
        if is_constant(planes[i]):
            out[i][...] = planes[i][0, 0]
        elif i not in WIDE:
            (nearest if i in NEAREST else smooth)(planes[i], out[i])
    high, low = (planes[i] for i in WIDE)
    levels = smooth(cv2.merge([low, high]).view("<u2")[..., 0], None)
    cv2.split(
        levels.astype("<u2", copy=False)[..., None].view(np.uint8), [out[WIDE[1]], out[WIDE[0]]]
    )


def warp(random: Generator, planes: Planes, strength: float = 0.02) -> None:
    """An elastic grid: smooth displacement of up to about `strength` of the side."""
    height, width = planes[0].shape
    coarse = random.uniform(-1, 1, (5, 5, 2)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    x = np.arange(width, dtype=np.float32) + np.float32(strength * width) * field[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(strength * height) * field[..., 1]
    place, fraction = cv2.convertMaps(x, y, cv2.CV_16SC2)

    def move(kind: int) -> Move:
        edge = cv2.BORDER_REFLECT_101
        return lambda p, target: cv2.remap(p, place, fraction, kind, target, borderMode=edge)

    moved = list(np.empty((DEPTH, height, width), np.uint8))
    transform(planes, moved, move(cv2.INTER_LINEAR), move(cv2.INTER_NEAREST))
    planes[:] = moved
