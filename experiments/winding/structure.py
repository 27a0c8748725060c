"""From a grey slice to the maps of a fit, with no network: structure tensor and ridge filter.

The structure tensor gives the layer normal n. A ridge is a maximum of the brightness along n, sharp
enough against the contrast around it. From every pixel the next ridge is looked for along n and
along -n: the two distances add up to the width of this winding, and their ratio is its phase. So
the cosine is 1 on a ridge and 0 half-way to the next however wide the air between them, and the
density adds up to one winding from ridge to ridge.
"""

import warnings

import cv2
import numpy as np
from skimage.filters import threshold_otsu

from launch.errors import ConfigError
from launch.experiments.winding.channels import Channels, Image, encode

FLATTEST = 1e-6  # amplitude below which a picture has no layers

# Lengths in pitches
FINE = 0.15  # blur across layers
TENSOR = 0.8  # window of the structure tensor
LONG = 0.5  # blur along layers
BEND = 0.2  # half width over which a ridge must fall off
REACH = 3.0  # how far the next ridge is looked for
TEXTURE = 0.5  # window in which contrast is measured
SHARPEST = 0.3  # of the contrast; what falls off less is no ridge
SMOOTHEST = 0.25  # of the contrast of papyrus; what has less is air
INCOHERENT, UNCLEAR = 0.35, 0.5  # coherence below which there are no layers, or hardly any


def channels(
    grey: Image,
    downscale: float = 1.0,
    pitch: float | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    name: str = "slice",
) -> Channels:
    """Maps of grey slices (H, W) or (N, H, W) in [0, 1].

    Args:
        grey: full-resolution picture; bright is papyrus.
        downscale: full-resolution pixels per model pixel.
        pitch: typical distance of two layers in full-resolution pixels; measured when None.
        origin: position of the picture's first pixel in the scan, for exports.

    Raises:
        ConfigError: for a picture without layers, or with layers that are too close.
    """
    pictures = np.stack([shrink(part.astype(np.float32), downscale) for part in stacked(grey)])
    middle = pictures[len(pictures) // 2]
    spacing = pitch / downscale if pitch else typical_pitch(middle, name)
    if spacing < 3:
        raise ConfigError(
            f"{name}: layers are {spacing:.1f} model pixels apart, which is too close to tell them "
            f"apart; lower data.downscale (now {downscale:g})"
        )
    check_layers(middle, spacing, name)
    maps = np.stack([slice_maps(picture, spacing, downscale) for picture in pictures], 1)
    return Channels(
        *maps.astype(np.float32),
        downscale=downscale,
        origin=shrunk_origin(origin, downscale),
        picture=pictures,
        name=name,
    )


def slice_maps(picture: Image, spacing: float, downscale: float) -> Image:
    """The five maps (5, H, W) of one slice at model resolution."""
    cos, sin = normals(picture, spacing)
    cosine, frequency = layers(picture, cos, sin, spacing)
    valid = material(picture, spacing)
    density = np.where(valid > 0, frequency / downscale, 0)
    return np.stack([cosine, density, *encode(cos, sin), valid])


def stacked(grey: Image) -> Image:
    return grey[None] if grey.ndim == 2 else grey


def shrink(grey: Image, downscale: float) -> Image:
    """The picture at model resolution, averaged over the pixels it loses.

    What does not fill a model pixel at the right and lower edge is cut off, so that model pixel i
    lies at `downscale * i + (downscale - 1) / 2` everywhere.
    """
    if downscale == 1:
        return grey
    height, width = (max(1, int(n / downscale)) for n in grey.shape)
    part = grey[: round(height * downscale), : round(width * downscale)]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)


def shrunk_origin(origin: tuple[float, float], downscale: float) -> tuple[float, float]:
    """Full-resolution position of the centre of the first model pixel."""
    return origin[0] + (downscale - 1) / 2, origin[1] + (downscale - 1) / 2


def check_layers(picture: Image, pitch: float, name: str) -> None:
    """Raises ConfigError unless the picture has directions, as layers have and noise has not.

    The measure is the coherence of the structure tensor, between 0 (no direction) and 1, weighted
    by its energy. Slices have .6 to .9, white noise has .15.
    """
    xx, xy, yy = tensor(picture, pitch)
    energy = float((xx + yy).sum())
    if energy < FLATTEST * picture.size:
        raise ConfigError(f"{name}: there are no layers, the picture is flat")
    found = float(np.hypot(xx - yy, 2 * xy).sum()) / energy
    if found < INCOHERENT:
        raise ConfigError(
            f"{name}: there are no layers: directions agree to {found:.2f}, where a slice has 0.6 "
            f"to 0.9 and noise 0.15 (layers {pitch:.1f} model pixels apart); give data.pitch if "
            "that distance is wrong"
        )
    if found < UNCLEAR:
        warnings.warn(
            f"{name}: layers are hard to tell, directions agree to {found:.2f} only; is this a "
            "slice across a scroll?",
            stacklevel=2,
        )


def smooth(field: Image, sigma: float) -> Image:
    return cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def typical_pitch(picture: Image, name: str = "slice") -> float:
    """Distance of two layers in pixels: the peak of the radial power spectrum.

    The spectrum times the frequency squared is compared, because layers are close to steps, whose
    power falls with the frequency.

    Raises:
        ConfigError: when there is no peak, so that nothing repeats.
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
    peak = int(np.argmax(smoothed[fewest:most])) if most > fewest else 0
    if peak == 0:
        raise ConfigError(
            f"{name}: there are no layers: nothing repeats more often than {fewest} times over "
            f"{size} pixels; give data.pitch, the distance of two layers, if there are fewer"
        )
    return size / float(fewest + peak)


def tensor(picture: Image, pitch: float) -> tuple[Image, Image, Image]:
    """The structure tensor: smoothed products xx, xy and yy of the gradient."""
    change_y, change_x = np.gradient(smooth(picture, FINE * pitch))
    xx, xy, yy = (
        smooth(product, TENSOR * pitch)
        for product in (change_x**2, change_x * change_y, change_y**2)
    )
    return xx, xy, yy


def normals(picture: Image, pitch: float) -> tuple[Image, Image]:
    """Cosine and sine of the doubled angle of the layer normal."""
    xx, xy, yy = tensor(picture, pitch)
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
    """1 where there is papyrus within about a pitch, 0 in air, be it dark or grey.

    Air is darker than half of what separates dark from bright, or has no contrast to speak of.
    """
    filled = smooth(picture, 1.0 * pitch)
    if filled.max() - filled.min() < FLATTEST:
        return np.ones_like(picture)
    window = TEXTURE * pitch
    variance = smooth(picture**2, window) - smooth(picture, window) ** 2
    contrast = np.sqrt(np.maximum(variance, 0))
    textured = contrast > SMOOTHEST * np.quantile(contrast, 0.9)
    return ((filled > 0.5 * threshold_otsu(filled)) & textured).astype(np.float32)
