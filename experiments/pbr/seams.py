"""Whether a texture continues over its edges, and how much a seam shows, for each axis.

A step is the mean absolute difference of two rows (or columns). The step over the edge is compared
with the steps inside, and with those from the two lines at the edge to all others: where a texture
tiles, the line across the edge is among the most alike.
"""

import numpy as np

FEW = 256  # lines across the axis that are looked at
SHOWS = 1.2  # step over the edge, against the 0.95 quantile inside, above which a seam shows
ALIKE = 0.1  # share of all lines that may be more like an edge line than the one across the edge

Axes = tuple[bool, bool]  # y, x


def wraps(image: np.ndarray) -> Axes:
    """Whether (H, W, C) bytes or floats tile along y, and along x."""
    return _wraps(image), _wraps(image.swapaxes(0, 1))


def _wraps(image: np.ndarray) -> bool:
    lines = _few(image)
    seam = _step(lines[0], lines[-1])
    closer = [np.mean(_from(lines, edge)[1:-1] < seam) for edge in (0, -1)]
    return bool(_ratio(image) <= SHOWS and np.mean(closer) < ALIKE)


def _from(lines: np.ndarray, edge: int) -> np.ndarray:
    return np.abs(lines - lines[edge]).mean(axis=tuple(range(1, lines.ndim)))


def seam_ratios(image: np.ndarray) -> tuple[float, float]:
    """The step over the edge by the 0.95 quantile of those inside, along y and x; 1 is no seam."""
    return _ratio(image), _ratio(image.swapaxes(0, 1))


def _ratio(image: np.ndarray) -> float:
    lines = _few(image)
    return _step(lines[0], lines[-1]) / max(float(np.quantile(_steps(lines), 0.95)), 1e-6)


def _few(image: np.ndarray) -> np.ndarray:
    step = max(1, image.shape[1] // FEW)
    return image[:, ::step].astype(np.float32) / (255 if image.dtype == np.uint8 else 1)


def _steps(lines: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(lines, axis=0)).mean(axis=tuple(range(1, lines.ndim)))


def _step(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).mean())
