"""Drawn scenes: straight and round edges, thin lines, lettering, bricks, gratings, rough ground.

Everything is a pattern, (S, S) float32 in [0, 1]: it mixes two colours on a surface, or two
surfaces in a scene.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

SUPERSAMPLING = 2

Draw = np.random.Generator
Pattern = Callable[[Draw, int], np.ndarray]


def scenes(part: int, count: int, side: int) -> dict[str, np.ndarray]:
    """`pixels` of the first scenes of a part."""
    return {"pixels": np.stack([scene(part, number, side) for number in range(count)])}


def scene(part: int, number: int, side: int) -> np.ndarray:
    """(side, side, 3) uint8 RGB, the same whenever the numbers are the same."""
    draw = np.random.default_rng([part, number])
    canvas = surface(draw, side)
    for _ in range(draw.integers(4, 8)):
        canvas += one_of(SHAPES, draw)(draw, side)[..., None] * (surface(draw, side) - canvas)
    for _ in range(draw.integers(2, 5)):
        canvas += one_of(LINES, draw)(draw, side)[..., None] * (colour(draw) - canvas)
    return np.rint(canvas.clip(0, 1) * 255).astype(np.uint8)


def one_of(patterns: Sequence[Pattern], draw: Draw) -> Pattern:
    return patterns[int(draw.integers(len(patterns)))]


def colour(draw: Draw) -> np.ndarray:
    """A lightness anywhere, with a little of a hue."""
    return (draw.uniform(0.1, 0.9) + 0.1 * draw.standard_normal(3)).astype(np.float32)


def surface(draw: Draw, side: int) -> np.ndarray:
    """(side, side, 3): a pattern between two related colours."""
    first, second = colour(draw), colour(draw)
    second += np.float32(0.5) * (first - second)
    return first + one_of(GROUNDS, draw)(draw, side)[..., None] * (second - first)


def gradient(draw: Draw, side: int) -> np.ndarray:
    return np.interp(_along(draw, side), (-0.7 * side, 0.7 * side), (0, 1)).astype(np.float32)


def grating(draw: Draw, side: int) -> np.ndarray:
    """Waves of 6 to 48 pixels, growing or shrinking along the way."""
    position = _along(draw, side)
    wavelength = draw.uniform(6, 48) * (1 + draw.uniform(-0.3, 0.3) * position / side)
    return (0.5 + 0.5 * np.sin(2 * np.pi * position / wavelength)).astype(np.float32)


def rough(draw: Draw, side: int) -> np.ndarray:
    """Value noise: grids of random numbers, each twice as fine as the last and no stronger."""
    total = np.zeros((side, side), np.float32)
    strength = draw.uniform(0.5, 1.0)
    for octave in range(2, 8):
        grid = draw.random((2**octave, 2**octave), np.float32) - np.float32(0.5)
        smooth = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
        total += np.float32(strength**octave) * smooth
    return (0.5 + total / (2 * np.abs(total).max())).astype(np.float32)


def spots(draw: Draw, side: int) -> np.ndarray:
    return (draw.uniform(3, 20) * (rough(draw, side) - 0.5) + 0.5).clip(0, 1)


def bricks(draw: Draw, side: int) -> np.ndarray:
    """Rows of 8 to 32 pixels with joints of 1 to 3, every second row moved by half a brick."""
    height, joint = draw.uniform(8, 32), draw.uniform(1, 3)
    width = height * draw.uniform(1.5, 3)
    rectangles = []
    for row, top in enumerate(np.arange(-height, side, height)):
        for left in np.arange(-width * (1 + row % 2 / 2), side, width):
            right, bottom = left + width - joint, top + height - joint
            rectangles.append([[left, top], [right, top], [right, bottom], [left, bottom]])
    return _filled(rectangles, side)


def polygon(draw: Draw, side: int) -> np.ndarray:
    """Three to seven corners around a centre, so that it never crosses itself."""
    angles = np.sort(draw.uniform(0, 2 * np.pi, draw.integers(3, 8)))
    radii = side * draw.uniform(0.1, 0.5, len(angles))
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _filled([draw.uniform(0, side, 2) + radii[:, None] * rays], side)


def ellipse(draw: Draw, side: int) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 96)
    axes = side * draw.uniform(0.05, 0.35, 2)
    turn = draw.uniform(0, np.pi)
    along, across = axes[0] * np.cos(angles), axes[1] * np.sin(angles)
    x = along * np.cos(turn) - across * np.sin(turn)
    y = along * np.sin(turn) + across * np.cos(turn)
    return _filled([draw.uniform(0, side, 2) + np.stack([x, y], axis=1)], side)


def strokes(draw: Draw, side: int) -> np.ndarray:
    """Bent lines of 1 to 4 pixels."""
    curves = []
    for _ in range(draw.integers(3, 9)):
        bends = np.cumsum(draw.normal(0, 0.3, 24)) + draw.uniform(0, 2 * np.pi)
        steps = np.stack([np.cos(bends), np.sin(bends)], axis=1) * side / 24
        curves.append(draw.uniform(0, side, 2) + np.cumsum(steps, axis=0))
    return _traced(curves, draw.uniform(1, 4), side)


def lettering(draw: Draw, side: int) -> np.ndarray:
    """Rows of signs, each of some of the lines between 3 x 4 points."""
    height = draw.uniform(8, 32)
    origin = draw.uniform(0, side / 2, 2)
    lines = []
    for row in range(draw.integers(1, 5)):
        for column in range(draw.integers(4, 16)):
            corner = origin + height * np.array([0.85 * column, 1.6 * row])
            points = draw.permutation(12)[: draw.integers(4, 8)]
            grid = np.stack([points % 3 / 4, points // 3 / 3], axis=1)
            lines.append(corner + height * grid)
    return _traced(lines, max(1.0, height * draw.uniform(0.08, 0.16)), side)


GROUNDS = (gradient, grating, rough, rough, spots, bricks)
SHAPES = (polygon, polygon, ellipse)
LINES = (strokes, lettering)


def _along(draw: Draw, side: int) -> np.ndarray:
    """Distance from the centre in a random direction, in pixels."""
    angle = draw.uniform(0, 2 * np.pi)
    axis = np.arange(side, dtype=np.float32) - side / 2
    return axis * np.cos(angle) + axis[:, None] * np.sin(angle)


def _filled(outlines: Sequence, side: int) -> np.ndarray:
    mask = np.zeros((side * SUPERSAMPLING,) * 2, np.uint8)
    cv2.fillPoly(mask, _fixed_point(outlines), 255, cv2.LINE_AA, shift=4)
    return _smaller(mask, side)


def _traced(curves: Sequence, thickness: float, side: int) -> np.ndarray:
    mask = np.zeros((side * SUPERSAMPLING,) * 2, np.uint8)
    width = max(1, round(thickness * SUPERSAMPLING))
    cv2.polylines(mask, _fixed_point(curves), False, 255, width, cv2.LINE_AA, shift=4)
    return _smaller(mask, side)


def _fixed_point(curves: Sequence) -> list[np.ndarray]:
    """Points in sixteenths of a supersampled pixel, as OpenCV draws with shift=4."""
    return [np.rint(np.asarray(c) * SUPERSAMPLING * 16).astype(np.int32) for c in curves]


def _smaller(mask: np.ndarray, side: int) -> np.ndarray:
    small = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255
