"""Low resolution as cameras and the web make it: blur, resizing, noise and JPEG, twice over.

# H W high-resolution height and width, h w low, s the scale
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat
from scipy.special import j1

INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
KERNEL_SIDES = range(7, 22, 2)
SMALLER_LARGER_SAME = (0.7, 0.2, 0.1)

Range = tuple[NonNegativeFloat, NonNegativeFloat]
Probability = Annotated[float, Field(ge=0, le=1)]
Quality = Annotated[float, Field(ge=0, le=100)]
Draw = np.random.Generator


@dataclass(frozen=True)
class RealWorldDegradation:
    """The second-order degradation of Real-ESRGAN (Wang et al. 2021, sections 3.2 to 3.4).

    Blur, resizing, noise and JPEG are applied twice, with ranges of their own; resizing to the
    low resolution and a sinc filter, which rings as sharpening does, come last, before or after
    the second JPEG.

    Args:
        blur, second_blur: standard deviations of the blur, in pixels.
        second_blur_probability: share of images that are blurred a second time.
        resize, second_resize: factors, relative to the high and to the low resolution.
        noise, second_noise: standard deviations of Gaussian noise, in levels of 255.
        poisson, second_poisson: strengths of Poisson noise, 1 is that of the image as counts.
        grey_noise: share of images whose noise is the same in the three channels.
        jpeg: quality, 0 to 100.
        sinc: share of images filtered by a sinc at the end.
    """

    blur: Range = (0.2, 3.0)
    second_blur: Range = (0.2, 1.5)
    second_blur_probability: Probability = 0.8
    resize: tuple[PositiveFloat, PositiveFloat] = (0.15, 1.5)
    second_resize: tuple[PositiveFloat, PositiveFloat] = (0.3, 1.2)
    noise: Range = (1.0, 30.0)
    second_noise: Range = (1.0, 25.0)
    poisson: Range = (0.05, 3.0)
    second_poisson: Range = (0.05, 2.5)
    grey_noise: Probability = 0.4
    jpeg: tuple[Quality, Quality] = (30.0, 95.0)
    sinc: Probability = 0.8

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, tuple | list) and value[0] > value[1]:
                raise ValueError(f"degradation.{name} must be [least, most], got {list(value)}")

    def __call__(self, high: np.ndarray, scale: int, draw: Draw) -> np.ndarray:
        """(3, sh, sw) uint8 -> (3, h, w) uint8."""
        image = high.transpose(1, 2, 0).astype(np.float32) / 255
        size = (image.shape[1] // scale, image.shape[0] // scale)
        image = blurred(image, self.blur, draw)
        image = resized(image, image.shape[1::-1], self.resize, draw)
        image = self._noisy(image, self.noise, self.poisson, draw)
        image = compressed(image, self.jpeg, draw)
        if draw.random() < self.second_blur_probability:
            image = blurred(image, self.second_blur, draw)
        image = resized(image, size, self.second_resize, draw)
        image = self._noisy(image, self.second_noise, self.second_poisson, draw)
        image = self._finished(image, size, draw)
        pixels = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))

    def _noisy(self, image: np.ndarray, noise: Range, poisson: Range, draw: Draw) -> np.ndarray:
        grey = draw.random() < self.grey_noise
        if draw.random() < 0.5:
            return with_gaussian_noise(image, draw.uniform(*noise) / 255, grey, draw)
        return with_poisson_noise(image, draw.uniform(*poisson), grey, draw)

    def _finished(self, image: np.ndarray, size: tuple[int, int], draw: Draw) -> np.ndarray:
        jpeg_first = draw.random() < 0.5
        if jpeg_first:
            image = compressed(image, self.jpeg, draw)
        image = cv2.resize(image, size, interpolation=int(draw.choice(INTERPOLATIONS)))
        if draw.random() < self.sinc:
            kernel = sinc_kernel(int(draw.choice(KERNEL_SIDES)), draw.uniform(np.pi / 3, np.pi))
            image = cv2.filter2D(image, -1, kernel)
        return image if jpeg_first else compressed(image, self.jpeg, draw)


def blurred(image: np.ndarray, sigmas: Range, draw: Draw) -> np.ndarray:
    """Filter with a kernel of random side, shape, widths and direction; a tenth with a sinc."""
    side = int(draw.choice(KERNEL_SIDES))
    if draw.random() < 0.1:
        kernel = sinc_kernel(side, draw.uniform(np.pi / 3, np.pi))
    else:
        kernel = bell_kernel(side, *_random_bell(sigmas, draw))
    return cv2.filter2D(image, -1, kernel)


def _random_bell(sigmas: Range, draw: Draw) -> tuple[float, float, float, float, bool]:
    """Widths, angle, exponent and form: half are round, a fifth flatter or sharper than Gauss."""
    wide = draw.uniform(*sigmas)
    narrow = wide if draw.random() < 0.5 else draw.uniform(*sigmas)
    angle = draw.uniform(-np.pi, np.pi)
    form = draw.choice(3, p=[0.7, 0.15, 0.15])
    exponent = (1.0, draw.uniform(0.5, 4), draw.uniform(1, 2))[form]
    return wide, narrow, angle, float(exponent), form == 2


def bell_kernel(
    side: int, wide: float, narrow: float, angle: float, exponent: float, plateau: bool
) -> np.ndarray:
    """exp(-d^exponent / 2), or 1 / (1 + d^exponent) for a plateau; sums to 1.

    d is the squared distance in widths along the two axes, which are turned by `angle`.
    """
    y, x = np.mgrid[:side, :side] - side // 2
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    distance = ((along / wide) ** 2 + (across / narrow) ** 2) ** exponent
    kernel = 1 / (1 + distance) if plateau else np.exp(-distance / 2)
    return kernel / kernel.sum()


def sinc_kernel(side: int, cutoff: float) -> np.ndarray:
    """The round low-pass filter, cutoff J1(cutoff r) / (2 pi r), cutoff in (0, pi]; sums to 1."""
    y, x = np.mgrid[:side, :side] - side // 2
    radius = np.hypot(x, y)
    radius[side // 2, side // 2] = 1
    kernel = cutoff * j1(cutoff * radius) / (2 * np.pi * radius)
    kernel[side // 2, side // 2] = cutoff**2 / (4 * np.pi)
    return kernel / kernel.sum()


def resized(
    image: np.ndarray, size: tuple[int, int], factors: tuple[float, float], draw: Draw
) -> np.ndarray:
    """To `size` (width, height) times a factor, most often one below 1, sometimes 1 itself."""
    least, most = factors
    if least < 1 < most:
        ranges = ((least, 1.0), (1.0, most), (1.0, 1.0))
        least, most = ranges[draw.choice(3, p=SMALLER_LARGER_SAME)]
    factor = draw.uniform(least, most)
    width, height = (max(1, round(side * factor)) for side in size)
    return cv2.resize(image, (width, height), interpolation=int(draw.choice(INTERPOLATIONS)))


def with_gaussian_noise(image: np.ndarray, sigma: float, grey: bool, draw: Draw) -> np.ndarray:
    shape = (*image.shape[:2], 1 if grey else 3)
    return image + np.float32(sigma) * draw.standard_normal(shape, np.float32)


def with_poisson_noise(image: np.ndarray, strength: float, grey: bool, draw: Draw) -> np.ndarray:
    """Shot noise of an image whose white is 255 counts, times the strength."""
    light = (image.mean(axis=2, keepdims=True) if grey else image).clip(0, 1)
    counts = draw.poisson(light * 255).astype(np.float32)
    return image + np.float32(strength) * (counts / 255 - light)


def compressed(image: np.ndarray, quality: Range, draw: Draw) -> np.ndarray:
    """Through JPEG and back."""
    pixels = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, int(draw.uniform(*quality))]
    _, content = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return decoded.astype(np.float32) / 255
