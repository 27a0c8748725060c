"""From a grey slice to the maps of a fit, with no network: structure tensor and ridge filter.

The structure tensor gives the layer normal n. Along it, Gaussian derivatives of one scale form a
quadrature pair for layers of the expected pitch: the second derivative is a ridge filter (even),
the first is odd. The even part over the local amplitude is the cosine of the layer phase, and the
ratio of the energies of neighbouring derivatives is the square of the local frequency.
"""

import math

import cv2
import numpy as np
from skimage.filters import threshold_otsu

from experiments.winding.channels import Channels, Image, encode
from launch.errors import ConfigError

FLATTEST = 1e-6  # amplitude below which a picture has no layers


def channels(
    grey: Image,
    downscale: float = 1.0,
    pitch: float | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    name: str = "slice",
) -> Channels:
    """Maps of a grey slice (H, W) in [0, 1].

    Args:
        grey: full-resolution picture; bright is papyrus.
        downscale: full-resolution pixels per model pixel.
        pitch: typical distance of two layers in full-resolution pixels; measured when None.
        origin: position of the picture's first pixel in the scan, for exports.
    """
    picture = shrink(grey.astype(np.float32), downscale)
    spacing = pitch / downscale if pitch else typical_pitch(picture)
    if spacing < 3:
        raise ConfigError(
            f"{name}: layers are {spacing:.1f} model pixels apart, which is too close to tell them "
            f"apart; lower data.downscale (now {downscale:g})"
        )
    cos, sin = normals(picture, spacing)
    cosine, frequency = layers(picture, cos, sin, spacing)
    dir0, dir1 = encode(cos, sin)
    valid = material(picture, spacing)
    density = np.where(valid > 0, frequency / downscale, 0)
    cosine, density, dir0, dir1, valid = (
        values.astype(np.float32)[None] for values in (cosine, density, dir0, dir1, valid)
    )
    return Channels(
        cosine,
        density,
        dir0,
        dir1,
        valid,
        downscale=downscale,
        origin=origin,
        picture=picture[None],
        name=name,
    )


def shrink(grey: Image, downscale: float) -> Image:
    """The picture at model resolution, averaged over the pixels it loses."""
    if downscale == 1:
        return grey
    size = (round(grey.shape[1] / downscale), round(grey.shape[0] / downscale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def smooth(field: Image, sigma: float) -> Image:
    return cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def typical_pitch(picture: Image) -> float:
    """Distance of two layers in pixels: the peak of the radial power spectrum.

    The spectrum times the frequency squared is compared, because layers are close to steps, whose
    power falls with the frequency.
    """
    size = min(picture.shape)
    top, left = ((n - size) // 2 for n in picture.shape)
    square = picture[top : top + size, left : left + size]
    window = np.hanning(size)[:, None] * np.hanning(size)
    power = np.abs(np.fft.fft2((square - square.mean()) * window)) ** 2
    cycles = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size))) * size
    ring = np.bincount(cycles.astype(int).ravel(), power.ravel(), minlength=size)
    radial = ring * np.arange(len(ring))
    fewest, most = 5, size // 4
    smoothed = np.convolve(radial, np.hanning(7) / np.hanning(7).sum(), mode="same")
    return size / float(fewest + np.argmax(smoothed[fewest:most]))


def normals(picture: Image, pitch: float) -> tuple[Image, Image]:
    """Cosine and sine of the doubled angle of the layer normal."""
    fine = smooth(picture, 0.15 * pitch)
    change_y, change_x = np.gradient(fine)
    yy, xy, xx = (
        smooth(product, 0.8 * pitch) for product in (change_y**2, change_x * change_y, change_x**2)
    )
    cos, sin = xx - yy, 2 * xy
    length = np.hypot(cos, sin)
    return cos / np.maximum(length, FLATTEST), sin / np.maximum(length, FLATTEST)


def layers(picture: Image, cos: Image, sin: Image, pitch: float) -> tuple[Image, Image]:
    """The cosine of the layer phase, and layers per pixel, both (H, W)."""
    sigma = math.sqrt(2) * pitch / (2 * math.pi)  # the ridge filter's peak is at the pitch
    angle = 0.5 * np.arctan2(sin, cos)
    x, y = np.cos(angle), np.sin(angle)
    soft = smooth(picture, sigma)
    first_y, first_x = np.gradient(soft)
    xy, xx = np.gradient(first_x)
    yy = np.gradient(first_y)[0]
    odd = x * first_x + y * first_y
    second = x * x * xx + 2 * x * y * xy + y * y * yy
    even = -sigma / math.sqrt(2) * second
    amplitude = np.sqrt(even**2 + odd**2)
    local = np.sqrt(smooth(amplitude**2, 0.5 * pitch))
    cosine = 0.5 + 0.5 * even / np.maximum(np.maximum(amplitude, 0.5 * local), FLATTEST)
    energies = smooth(second**2, 1.5 * pitch) / np.maximum(smooth(odd**2, 1.5 * pitch), FLATTEST**2)
    return cosine, np.sqrt(energies) / (2 * math.pi)


def material(picture: Image, pitch: float) -> Image:
    """1 where there is papyrus within about a pitch, 0 in the air around the scroll."""
    filled = smooth(picture, 1.0 * pitch)
    if filled.max() - filled.min() < FLATTEST:
        return np.ones_like(picture)
    return (filled > 0.5 * threshold_otsu(filled)).astype(np.float32)
