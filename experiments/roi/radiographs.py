"""X-ray files as brightness: 8-bit and 16-bit pictures, and DICOM where pydicom is installed."""

from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from launch.errors import LaunchError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm")


class UnreadableXrayError(LaunchError):
    """A file that is no image, or damaged."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


def find(folder: Path) -> list[Path]:
    """The X-ray files below a folder, or the one file, in the order of their names."""
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def read(path: Path) -> np.ndarray:
    """Brightness (H, W) float32 in [0, 1]; colour is averaged, DICOM scaled to its own range.

    Raises:
        UnreadableXrayError: if the file is damaged or no image.
    """
    try:
        if path.suffix.lower() == ".dcm":
            return read_dicom(path)
        with Image.open(path) as image:
            return brightness_of(image)
    except LaunchError:
        raise
    except FileNotFoundError as error:
        raise UnreadableXrayError(path, "there is no such file") from error
    except Exception as error:
        raise UnreadableXrayError(path, f"is damaged or no image ({error})") from error


def brightness_of(image: Image.Image) -> np.ndarray:
    """Pixel values over the largest of their depth."""
    if image.mode.startswith("I"):
        return np.asarray(image, np.float32) / 65535
    if image.mode == "F":
        return np.clip(np.asarray(image, np.float32), 0, 1)
    return np.asarray(image.convert("L"), np.float32) / 255


def read_dicom(path: Path) -> np.ndarray:
    """Pixels scaled from their smallest to their largest value; MONOCHROME1 is inverted."""
    try:
        pydicom: Any = import_module("pydicom")
    except ImportError as error:
        raise UnreadableXrayError(path, "is DICOM; pip install pydicom to read it") from error
    data = pydicom.dcmread(path)
    pixels = np.asarray(data.pixel_array, np.float32)
    if pixels.ndim != 2:
        raise UnreadableXrayError(path, f"holds colour or several images, {pixels.shape}")
    pixels = (pixels - pixels.min()) / max(float(np.ptp(pixels)), 1e-6)
    return 1 - pixels if data.PhotometricInterpretation == "MONOCHROME1" else pixels


def is_image(path: Path) -> bool:
    """Whether the file begins as an image does; damage further on shows when it is read."""
    try:
        if path.suffix.lower() == ".dcm":
            with path.open("rb") as file:
                return file.read(132)[128:] == b"DICM"
        with Image.open(path):
            return True
    except OSError:
        return False


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """(size, size), averaged over area when shrinking; the aspect ratio is not kept."""
    if image.shape == (size, size):
        return image
    shrinking = max(image.shape) > size
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=method)
