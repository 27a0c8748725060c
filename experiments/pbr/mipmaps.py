"""Chains of mip levels: each half of the one before, averaged over what the numbers mean."""

from typing import Literal

import cv2
import numpy as np

BAND = 512  # rows that are floats at once; even

Meaning = Literal["colour", "normal", "number"]


def chain(image: np.ndarray, meaning: Meaning) -> list[np.ndarray]:
    """All levels of (H, W, 4) bytes, down to one pixel.

    Args:
        meaning: sRGB colours are averaged as light, normals get length 1 again, numbers (and alpha)
            are averaged as they are.
    """
    if image.shape[:2] == (1, 1):
        return [image]
    current = _first_half(image, meaning)
    levels = [image, _stored(current, meaning)]
    while current.shape[:2] != (1, 1):
        current = _halved(current, meaning)
        levels.append(_stored(current, meaning))
    return levels


def _first_half(image: np.ndarray, meaning: Meaning) -> np.ndarray:
    """In bands, since floats take four times the memory of bytes."""
    if len(image) % 2:
        return _halved(_light(image, meaning), meaning)
    half = np.empty((len(image) // 2, max(1, image.shape[1] // 2), 4), np.float32)
    for top in range(0, len(image), BAND):
        band = _light(image[top : top + BAND], meaning)
        half[top // 2 : (top + BAND) // 2] = _halved(band, meaning)
    return half


def _halved(values: np.ndarray, meaning: Meaning) -> np.ndarray:
    height, width = values.shape[:2]
    size = max(1, width // 2), max(1, height // 2)
    half = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    if meaning == "normal":
        length = np.linalg.norm(half[..., :3], axis=-1, keepdims=True)
        half[..., :3] /= np.maximum(length, 1e-6)
    return half


def _light(image: np.ndarray, meaning: Meaning) -> np.ndarray:
    if meaning == "normal":
        return np.concatenate(
            [image[..., :3] / 127.5 - 1, image[..., 3:] / 255], -1, dtype=np.float32
        )
    if meaning == "colour":
        return np.concatenate([LINEAR[image[..., :3]], image[..., 3:] / 255], -1, dtype=np.float32)
    return image.astype(np.float32) / 255


def _stored(values: np.ndarray, meaning: Meaning) -> np.ndarray:
    stored = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), BAND):
        part = values[top : top + BAND].copy()
        if meaning == "normal":
            part[..., :3] = (part[..., :3] + 1) / 2
        elif meaning == "colour":
            part[..., :3] = srgb_of(part[..., :3])
        stored[top : top + BAND] = np.rint(np.clip(part, 0, 1) * 255)
    return stored


def linear_of(colour: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1] as linear light (IEC 61966-2-1)."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def srgb_of(light: np.ndarray) -> np.ndarray:
    """The inverse of `linear_of`."""
    light = np.maximum(light, 0)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


LINEAR = linear_of(np.arange(256) / 255).astype(np.float32)
