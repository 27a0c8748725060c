"""What a person has to know of a folder of pictures before training on it."""

from collections import defaultdict
from pathlib import Path

from launch.experiments.sr.sources import Index
from launch.tools import contact_sheet, pictures
from launch.tools.pictures import UnreadableImageError

DECODED = 100
"""Pictures that are decoded to tell what was assumed; the others are known by their headers."""
NAMED = 3


def described(index: Index) -> list[str]:
    """Numbers and sizes, what was assumed in reading and of which files, and what is left out."""
    headers = [pictures.header(source.high) for source in index.sources]
    if not headers:
        return ["no pictures"]
    smallest, largest = (f(headers, key=lambda h: h.height * h.width) for f in (min, max))
    lines = [
        f"{len(headers)} pictures, {smallest.width}x{smallest.height} to "
        f"{largest.width}x{largest.height}, {sum(h.grey for h in headers)} of them grey"
    ]
    assumed, damaged = assumptions([source.high for source in index.sources[:DECODED]])
    if len(headers) > DECODED:
        lines.append(f"what follows was found in the first {DECODED}")
    lines += [f"{phrase}: {named(paths)}" for phrase, paths in assumed.items()]
    left_out = index.bad | damaged
    return lines + [f"left out {path.name}: {reason}" for path, reason in left_out.items()]


def assumptions(paths: list[Path]) -> tuple[dict[str, list[Path]], dict[Path, str]]:
    """The files that each assumption was made in, and those that cannot be decoded."""
    found: dict[str, list[Path]] = defaultdict(list)
    damaged: dict[Path, str] = {}
    for path in paths:
        try:
            picture = pictures.read(path)
        except UnreadableImageError as error:
            damaged[path] = error.reason
            continue
        for phrase in picture.assumed:
            found[phrase].append(path)
        if picture.bits > 8:
            found[f"{picture.bits} bits, rounded to 8"].append(path)
        if picture.alpha is not None:
            found["alpha is left out"].append(path)
    return dict(found), damaged


def named(paths: list[Path]) -> str:
    """The number of files and the first names."""
    names = ", ".join(path.name for path in paths[:NAMED])
    return f"{len(paths)} pictures ({names}{', ...' if len(paths) > NAMED else ''})"


def draw(index: Index, path: Path) -> None:
    """A contact sheet of the first pictures that can be decoded."""
    chosen = [source for source in index.sources[: contact_sheet.AT_MOST]]
    shown = []
    for source in chosen:
        try:
            shown.append((source.name, pictures.read(source.high).rgb8))
        except UnreadableImageError:
            continue
    contact_sheet.write(path, shown)
