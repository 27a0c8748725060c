"""Random fields on the torus: they tile without a seam, because they are periodic by construction.

# n side in pixels; fields are (n, n)
"""

import numpy as np

Generator = np.random.Generator


def frequencies(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole cycles per image along x (1, n) and y (n, 1)."""
    f = np.fft.fftfreq(n) * n
    return f[None, :], f[:, None]


def fractal(
    random: Generator, n: int, slope: float, lowest: float = 1.0, stretch: float = 1.0
) -> np.ndarray:
    """Gaussian noise of power 1/f^slope, mean 0 and variance 1.

    Args:
        lowest: frequencies below are left out, in cycles per image.
        stretch: above 1 the field is drawn out along y.
    """
    x, y = frequencies(n)
    radius = np.hypot(x * stretch, y / stretch)
    inside = (radius >= lowest) & (radius <= n / 2)
    amplitude = np.where(inside, np.maximum(radius, 1e-6) ** (-slope / 2), 0)
    field = np.fft.ifft2(np.fft.fft2(random.standard_normal((n, n))) * amplitude).real
    return (field - field.mean()) / (field.std() + 1e-9)


def unit_range(field: np.ndarray) -> np.ndarray:
    """A field of variance 1 in [0, 1], 0.5 in the middle."""
    return np.clip(0.5 + field / 5, 0, 1)


def smoothstep(start: float, stop: float, x: np.ndarray) -> np.ndarray:
    """From 0 at `start` to 1 at `stop`, flat at both; `start` may be above `stop`."""
    t = np.clip((x - start) / (stop - start), 0, 1)
    return t * t * (3 - 2 * t)


def cells(random: Generator, n: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances to the nearest and second nearest of random points, and the nearest's index.

    Worley's cellular texture; distances are in units of the mean cell.
    """
    points = random.random((count, 2, 1)) * n
    offsets = np.abs(np.arange(n) - points)
    x, y = (np.minimum(offsets, n - offsets) ** 2).swapaxes(0, 1)
    first, second = np.full((2, n, n), np.inf)
    nearest = np.zeros((n, n), int)
    for place in range(count):  # point by point, which is faster than sorting all
        distance = y[place, :, None] + x[place]
        np.copyto(nearest, place, where=distance < first)
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
    unit = np.sqrt(count) / n
    return np.sqrt(first) * unit, np.sqrt(second) * unit, nearest


def blur(field: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of a field of any shape over the edges of the tile; sigma in pixels."""
    y, x = (np.fft.fftfreq(n) for n in field.shape)
    gain = np.exp(-2 * (np.pi * sigma) ** 2 * (x**2 + y[:, None] ** 2))
    return np.fft.ifft2(np.fft.fft2(field) * gain).real
