"""Pictures of runs as data URLs, as many and as large as a page may hold."""

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from launch.show.report.read import Notes

PAGE_BYTES = 9_000_000  # of all pictures together, as JPEG
RUN_BYTES = 600_000  # of one run
MOST = 16  # iterations of one run
WIDTHS = (960, 640, 400, 240)  # pixels; the first that fits
QUALITY = 80

Pictures = list[tuple[int, str]]


def of_run(folder: Path, budget: int, notes: Notes) -> Pictures:
    """Iteration and data URL, evenly spaced over the run, the last one always among them.

    One picture is drawn, however small the budget; an empty or broken file is a note.
    """
    paths = notes.attempt(folder, lambda: sorted((folder / "images").glob("*.png")), [])
    while paths:
        path = paths.pop()
        last = notes.attempt(path, lambda p=path: encoded(p, WIDTHS, budget // 3), None)
        if last is not None:
            break
    else:
        return []
    width, data = last
    found = [(iteration(path), url(data))]
    for other in reversed(spread(paths, min(MOST, budget // len(data)) - 1)):
        drawn = notes.attempt(other, lambda p=other: encoded(p, (width,), 0), None)
        found += [(iteration(other), url(drawn[1]))] if drawn else []
    return found[::-1]


def encoded(path: Path, widths: Sequence[int], most: int) -> tuple[int, bytes]:
    """A picture as JPEG in the first width that takes at most so many bytes, else in the last."""
    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    for width in widths:
        whole.thumbnail((width, 10 * width), reducing_gap=2.0)
        buffer = io.BytesIO()
        whole.save(buffer, "JPEG", quality=QUALITY)
        if len(buffer.getvalue()) <= most:
            break
    return width, buffer.getvalue()


def whole(path: Path) -> str:
    """A picture in its widest form, as data URL."""
    return url(encoded(path, WIDTHS[:1], RUN_BYTES)[1])


def spread(paths: Sequence[Path], count: int) -> list[Path]:
    """At most `count` of the paths, the first among them, evenly spaced."""
    count = max(0, min(count, len(paths)))
    return [paths[place * len(paths) // count] for place in range(count)]


def iteration(path: Path) -> int:
    """The number in `iteration_00001500.png`."""
    digits = re.findall(r"\d+", path.stem)
    return int(digits[-1]) if digits else 0


def url(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()
