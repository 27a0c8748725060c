"""DICOM files as brightness: what a viewer shows, and what was assumed where the file is silent.

The chain of DICOM PS3.3 C.7.6.16 and PS3.4 N.2: stored values, modality LUT, values of interest,
presentation. Needs pydicom. # H W height and width
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from launch.tools import decoding
from launch.tools.decoding import UnreadableImageError

SUFFIXES = (".dcm", ".dicom", ".dic")
DIRECTORY = "DICOMDIR"
APART = (
    0.2  # of the range: values beyond such a gap are drawn in; of 356 NIH X-rays none has above .11
)
RARE = 0.05  # of the pixels: at most so many lie beyond it
XRAYS = ("CR", "DX", "DR", "MG", "RG", "PX", "IO", "XA", "RF", "OT", "")


@dataclass(frozen=True)
class Radiograph:
    """Brightness (H, W) float32 in [0, 1], and what the file does not say, a phrase each."""

    brightness: np.ndarray
    assumed: tuple[str, ...]


def is_dicom(path: Path) -> bool:
    """Whether the file says so, whatever its name: archives export files without a suffix."""
    if path.name == DIRECTORY or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def size(path: Path) -> tuple[int, int]:
    """(width, height) from the header.

    Raises:
        UnreadableImageError: if there is none.
    """
    data = _dataset(path, stop_before_pixels=True)
    return int(data.get("Columns", 0)), int(data.get("Rows", 0))


def read(path: Path) -> Radiograph:
    """A single grey picture, dark to bright.

    Values of interest are those of the file's window or table. Without one they are all that
    occur, without padding and without what is drawn in: at most 5 % of the pixels, beyond a gap of
    a fifth of the range. Padding is black.

    Raises:
        UnreadableImageError: for damaged files, colour, several frames, and missing decoders.
    """
    data = _dataset(path)
    if "PixelData" not in data:
        raise UnreadableImageError(path, "holds no picture")
    try:
        stored = _stored(data)
        padding = _padding(stored, data)
        shown, assumed = _of_interest(stored, padding, data)
    except UnreadableImageError as error:
        raise UnreadableImageError(path, error.reason) from error
    except Exception as error:  # decoders raise almost anything when bytes are damaged
        reason = f"is damaged, or a decoder is missing ({str(error).splitlines()[0]})"
        raise UnreadableImageError(path, reason) from error
    if _inverted(data):
        shown = 1 - shown
    shown[padding] = 0
    return Radiograph(shown, (*assumed, *_remarks(data, padding)))


def _dataset(path: Path, **options: Any) -> Any:
    try:
        pydicom: Any = import_module("pydicom")
    except ImportError as error:
        raise UnreadableImageError(path, "is DICOM; pip install pydicom to read it") from error
    try:
        return pydicom.dcmread(path, **options)
    except FileNotFoundError as error:
        raise UnreadableImageError(path, "there is no such file") from error
    except Exception as error:
        raise UnreadableImageError(path, f"is damaged or no DICOM ({error})") from error


def _stored(data: Any) -> np.ndarray:
    frames, samples = int(data.get("NumberOfFrames") or 1), int(data.get("SamplesPerPixel", 1))
    if frames > 1:
        raise UnreadableImageError(Path(), f"holds {frames} frames; one picture is wanted")
    kind = data.get("PhotometricInterpretation", "")
    if samples > 1 or not kind.startswith("MONOCHROME"):
        raise UnreadableImageError(Path(), f"holds colour ({kind}); brightness is wanted")
    decoding.require_size(Path(), int(data.Rows), int(data.Columns))
    if int(data.get("HighBit", data.BitsStored - 1)) != data.BitsStored - 1:
        reason = f"keeps {data.BitsStored} bits below bit {data.HighBit}, not in the lowest ones"
        raise UnreadableImageError(Path(), reason)
    pixels = np.squeeze(np.asarray(data.pixel_array))
    if not data.PixelRepresentation and data.BitsStored < data.BitsAllocated:
        pixels = pixels & ((1 << int(data.BitsStored)) - 1)  # above them old files keep overlays
    return pixels


def _padding(stored: np.ndarray, data: Any) -> np.ndarray:
    """Where there is no picture: a value, or a range of values."""
    value = data.get("PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, bool)
    low, high = sorted((int(value), int(data.get("PixelPaddingRangeLimit", value))))
    return (stored >= low) & (stored <= high)


def _of_interest(
    stored: np.ndarray, padding: np.ndarray, data: Any
) -> tuple[np.ndarray, list[str]]:
    """(H, W) float32 in [0, 1], not yet inverted, and what was assumed."""
    processing: Any = import_module("pydicom.pixels.processing")
    for item in data.get("ModalityLUTSequence") or ():
        entries, first, depth = item.LUTDescriptor
        item.LUTDescriptor = [entries, first, 8 if depth == 8 else 16]  # pydicom knows no other
    values = processing.apply_modality_lut(stored, data)
    if data.get("VOILUTSequence"):
        depth = int(data.VOILUTSequence[0].LUTDescriptor[2])
        table = processing.apply_voi(np.rint(values).astype(np.int64), data)
        return (table / np.float32(2**depth - 1)).astype(np.float32), []
    values = values.astype(np.float32)
    if _numbers(data.get("WindowCenter")) and _numbers(data.get("WindowWidth")):
        return _windowed(values, data)
    picture = stored[~padding]
    if not picture.size:
        return np.zeros(stored.shape, np.float32), ["all of it is padding"]
    low, high, drawn = usual(picture)
    inside = values[(stored >= low) & (stored <= high) & ~padding]
    least, most = float(inside.min()), float(inside.max())
    scaled = ((values - least) / max(most - least, 1e-6)).clip(0, 1)
    said = [f"no window in the file: its values from {least:g} to {most:g} are all the brightness"]
    if drawn:
        said.append(f"{drawn} pixels far beyond the others are taken for marks drawn in")
    return scaled, said


def _windowed(values: np.ndarray, data: Any) -> tuple[np.ndarray, list[str]]:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3. pydicom's own reverses the picture at a negative slope."""
    centres, widths = (_numbers(data[name].value) for name in ("WindowCenter", "WindowWidth"))
    centre, width = centres[0], widths[0]
    said = [f"the first of {len(centres)} windows"] if len(centres) > 1 else []
    function = str(data.get("VOILUTFunction") or "LINEAR").upper()
    if centre + width / 2 < values.min() or centre - width / 2 > values.max():
        said.append(f"its window of {width:g} around {centre:g} holds none of its values")
    if width < 1 and (function == "LINEAR" or width <= 0):
        raise UnreadableImageError(Path(), f"a {function} window cannot be {width:g} wide")
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - centre) / width)), said
    if function == "LINEAR":
        centre, width = centre - 0.5, max(width - 1, 1e-6)
    return ((values - centre) / width + 0.5).clip(0, 1), said


def _numbers(value: Any) -> list[float]:
    """One number, several, or none where the file leaves a value empty."""
    return [] if value in (None, "") else np.atleast_1d(np.asarray(value, float)).tolist()


def usual(values: np.ndarray) -> tuple[float, float, int]:
    """Lowest and highest value without those beyond a gap, and how many those are."""
    levels, counts = np.unique(values, return_counts=True)
    share = counts.cumsum() / counts.sum()
    apart = np.diff(levels.astype(float)) > APART * float(levels[-1] - levels[0])
    below = np.flatnonzero(apart & (share[:-1] <= RARE))
    above = np.flatnonzero(apart & (share[:-1] >= 1 - RARE))
    first = below[-1] + 1 if below.size else 0
    last = above[0] if above.size else len(levels) - 1
    return levels[first], levels[last], int(counts[:first].sum() + counts[last + 1 :].sum())


def _inverted(data: Any) -> bool:
    """MONOCHROME1 and INVERSE are two words for one inversion; both together are one."""
    shape = str(data.get("PresentationLUTShape") or "").upper()
    return data.PhotometricInterpretation == "MONOCHROME1" or shape == "INVERSE"


def _remarks(data: Any, padding: np.ndarray) -> Iterator[str]:
    if padding.any():
        yield f"{padding.mean():.0%} of it is padding, shown black"
    modality = str(data.get("Modality") or "")
    if modality not in XRAYS:
        yield f"the file says that its modality is {modality}, which is no X-ray"
    towards = [str(part) for part in data.get("PatientOrientation") or ()]
    if len(towards) == 2 and (towards[0][:1] == "R" or towards[1][:1] == "H"):
        rows, columns = towards
        yield f"its rows run towards {rows} and its columns towards {columns}, taken as it lies"
    for name in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"):
        sides = _numbers(data.get(name))
        if len(sides) == 2 and sides[0] != sides[1]:
            yield f"pixels are not square ({sides[0]:g}:{sides[1]:g}), taken as if they were"
            return
