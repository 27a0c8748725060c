"""From a grey slice to the maps of a fit, with no network: structure tensor and ridge filter.

The structure tensor gives the layer normal n. A ridge is a maximum of the brightness along n, sharp
enough against the contrast around it. From every pixel the next ridge is looked for along n and
along -n: the two distances add up to the width of this winding, and their ratio is its phase. So
the cosine is 1 on a ridge and 0 half-way to the next however wide the air between them, and the
density adds up to one winding from ridge to ridge.
"""

import cv2
import numpy as np
from launch.experiments.winding.channels import Channels, Image, encode
from skimage.filters import threshold_otsu

from launch.errors import ConfigError

FLATTEST = 1e-6  # amplitude below which a picture has no layers

# Lengths in pitches
FINE = 0.15  # blur across layers
TENSOR = 0.8  # window of the structure tensor
LONG = 0.5  # blur along layers
BEND = 0.2  # half width over which a ridge must fall off
REACH = 3.0  # how far the next ridge is looked for
SHARPEST = 0.3  # of the contrast; what falls off less is no ridge


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
    fine = smooth(picture, FINE * pitch)
    change_y, change_x = np.gradient(fine)
    yy, xy, xx = (
        smooth(product, TENSOR * pitch)
        for product in (change_y**2, change_x * change_y, change_x**2)
    )
    cos, sin = xx - yy, 2 * xy
    length = np.hypot(cos, sin)
    return cos / np.maximum(length, FLATTEST), sin / np.maximum(length, FLATTEST)


def layers(picture: Image, cos: Image, sin: Image, pitch: float) -> tuple[Image, Image]:
    """The cosine of the layer phase, and layers per pixel, both (H, W)."""
    angle = 0.5 * np.arctan2(sin, cos)
    normal = np.stack([np.cos(angle), np.sin(angle)])
    tangent = np.stack([-normal[1], normal[0]])
    fine = smooth(picture, FINE * pitch)
    soft = blur_along(fine, tangent, LONG * pitch)
    bend = max(1.0, BEND * pitch)
    fall = 2 * soft - moved(soft, bend * normal) - moved(soft, -bend * normal)
    variance = smooth(fine**2, 2 * pitch) - smooth(fine, 2 * pitch) ** 2
    sharp = fall / np.sqrt(np.maximum(variance, FLATTEST**2))
    reach = max(2, round(REACH * pitch))
    ahead = to_ridge(soft, sharp, normal, range(reach))
    behind = to_ridge(soft, sharp, -normal, range(1, reach))
    width = np.maximum(ahead + behind, 1.0)
    cosine = 0.5 + 0.5 * np.cos(2 * np.pi * ahead / width)
    return blur_along(cosine, tangent, 2 * FINE * pitch), smooth(1 / width, 2 * FINE * pitch)


def to_ridge(soft: Image, sharp: Image, direction: Image, steps: range) -> Image:
    """Distance in pixels (H, W) from each pixel to the first ridge along `direction` (2, H, W).

    A ridge lies at the top of the parabola through three values of `soft`, where `sharp` is at
    least `SHARPEST`. Where there is none the distance is that of the last step.
    """
    found = np.full(soft.shape, np.nan, np.float32)
    before, here = (moved(soft, place * direction) for place in (steps[0] - 1, steps[0]))
    for place in steps:
        after = moved(soft, (place + 1) * direction)
        ridge = (here >= before) & (here > after) & np.isnan(found)
        ridge &= moved(sharp, place * direction) > SHARPEST
        top = 0.5 * (before - after) / np.minimum(before - 2 * here + after, -FLATTEST)
        found[ridge] = place + np.clip(top[ridge], -0.5, 0.5)
        before, here = here, after
    return np.where(np.isnan(found), steps[-1], found)


def moved(field: Image, offset: Image) -> Image:
    """`field` (H, W) read at every pixel plus `offset` (2: x and y, H, W), in pixels; bilinear."""
    height, width = field.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    to_x, to_y = (x + offset[0]).astype(np.float32), (y + offset[1]).astype(np.float32)
    return cv2.remap(field, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def blur_along(field: Image, direction: Image, sigma: float) -> Image:
    """Gaussian mean over nine points on a line of two sigmas to both sides."""
    place = np.linspace(-2, 2, 9)
    weight = np.exp(-0.5 * place**2)
    parts = (w * moved(field, p * sigma * direction) for w, p in zip(weight, place, strict=True))
    return (sum(parts) / weight.sum()).astype(np.float32)


def material(picture: Image, pitch: float) -> Image:
    """1 where there is papyrus within about a pitch, 0 in the air around the scroll."""
    filled = smooth(picture, 1.0 * pitch)
    if filled.max() - filled.min() < FLATTEST:
        return np.ones_like(picture)
    return (filled > 0.5 * threshold_otsu(filled)).astype(np.float32)
