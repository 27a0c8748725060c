"""What a person has to know of X-rays before training on them."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from launch.experiments.roi import radiographs
from launch.experiments.roi.findings import Xray
from launch.tools import contact_sheet
from launch.tools.pictures import UnreadableImageError

DECODED = 100
"""Images that are decoded to tell what was assumed, spread over all."""
NAMED = 3


def described(xrays: Sequence[Xray], labels: Sequence[str]) -> list[str]:
    """Numbers, labels and patients; what was assumed in reading, and of which files."""
    counts = np.sum([x.labels for x in xrays], axis=0).astype(int)
    patients = sorted({x.patient for x in xrays})
    shown = ", ".join(f"{name} {count}" for name, count in zip(labels, counts, strict=True))
    lines = [
        f"{len(xrays)} images of {len(patients)} patients ({', '.join(patients[:NAMED])}, ...), "
        f"{sum(bool(x.boxes) for x in xrays)} with boxes",
        f"labels: {shown}; {sum(not x.labels.any() for x in xrays)} images without any",
    ]
    looked_at = spread(xrays, DECODED)
    if len(looked_at) < len(xrays):
        lines.append(f"what follows was found in {len(looked_at)} of them")
    found: dict[str, list[str]] = defaultdict(list)
    for xray in looked_at:
        for phrase in remarks(xray.path):
            found[phrase].append(xray.name)
    return lines + [f"{phrase}: {named(names)}" for phrase, names in found.items()]


def remarks(path: Path) -> list[str]:
    """What is assumed about a file or lost of it, without the numbers of the single file."""
    try:
        found = radiographs.read(path)
    except UnreadableImageError as error:
        return [f"left out, {error.reason}"]
    height, width = found.brightness.shape
    squeezed = ["not square, squeezed to a square"] if height != width else []
    return [phrase.split(":")[0] for phrase in found.assumed] + squeezed


def named(names: Sequence[str]) -> str:
    return f"{len(names)} images ({', '.join(names[:NAMED])}{', ...' * (len(names) > NAMED)})"


def spread(xrays: Sequence[Xray], count: int) -> list[Xray]:
    """At most so many, from the whole list."""
    return list(xrays[:: max(1, -(-len(xrays) // count))])


def draw(xrays: Sequence[Xray], path: Path) -> None:
    """A contact sheet of images that can be decoded."""
    shown = []
    for xray in spread(xrays, contact_sheet.AT_MOST):
        try:
            brightness = radiographs.read(xray.path).brightness
        except UnreadableImageError:
            continue
        grey = np.rint(brightness * 255).astype(np.uint8)
        shown.append((Path(xray.name).name, grey[..., None].repeat(3, axis=-1)))
    contact_sheet.write(path, shown)
