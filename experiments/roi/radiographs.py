"""X-ray files as brightness, with what was assumed: pictures of every depth, and DICOM."""

from pathlib import Path

import cv2
import numpy as np

from launch.tools import dicom, pictures
from launch.tools.dicom import Radiograph
from launch.tools.names import files_below
from launch.tools.pictures import UnreadableImageError

SUFFIXES = (*pictures.SUFFIXES, *dicom.SUFFIXES)
NO_PICTURES = (".csv", ".txt", ".json", ".md", ".html", ".xml", ".pdf", ".zip", ".gz")
GREY = 0.02  # channels that differ less than this on average are those of a grey picture


def find(folder: Path) -> list[Path]:
    """The X-ray files below a folder, or the one file, in the order of their names.

    DICOM is known by its content where the suffix says nothing, as in the exports of archives.
    """
    if folder.is_file():
        return [folder]
    return [path for path in files_below(folder) if is_known(path)]


def is_known(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or (suffix not in NO_PICTURES and dicom.is_dicom(path))


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in pictures.SUFFIXES


def read(path: Path) -> Radiograph:
    """Alpha is composited on black, colour becomes its luma.

    Raises:
        UnreadableImageError: if the file is damaged, no image, or of no one meaning as brightness.
    """
    return from_picture(pictures.read(path)) if is_picture(path) else dicom.read(path)


def from_picture(picture: pictures.Picture) -> Radiograph:
    brightness = picture.luma * picture.opacity
    assumed = list(picture.assumed)
    if not picture.grey and np.ptp(picture.rgb, axis=-1).mean() > GREY:
        assumed.append("in colour, of which the luma is taken")
    if picture.alpha is not None and picture.opacity.min() < 1:
        assumed.append("transparent in part, composited on black")
    return Radiograph(brightness, tuple(assumed))


def is_image(path: Path) -> bool:
    """Whether the file begins as an image does; damage further on shows when it is read."""
    try:
        if not is_picture(path):
            return dicom.is_dicom(path)
        pictures.header(path)
    except (UnreadableImageError, OSError):
        return False
    return True


def size_of(path: Path) -> tuple[int, int]:
    """(width, height) from the header."""
    if not is_picture(path):
        return dicom.size(path)
    header = pictures.header(path)
    return header.width, header.height


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """(size, size), averaged over area when shrinking; the aspect ratio is not kept."""
    if image.shape == (size, size):
        return image
    shrinking = max(image.shape) > size
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=method)
