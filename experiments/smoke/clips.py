"""Clips of one camera: what is found below a folder, and the frames of each."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from launch.errors import MissingError
from launch.tools import pictures, video
from launch.tools.names import distinct_names, files_below, inside
from launch.tools.pictures import UnreadableImageError

NUMBER = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*)$")
GENERIC = re.compile(r"[_\-. ]*(?:frame|img|image)?[_\-. ]*$", re.IGNORECASE)
SEVERAL = 3


@dataclass(frozen=True)
class Source:
    """A video file, or frame files in their order.

    Attributes:
        name: its path without what all of its frames share.
        recording: what it shows: sources of one recording are never in two parts of a split.
        gaps: places in `files` before which numbers are missing.
        notes: what looks wrong already, one sentence each.
    """

    name: str
    recording: str
    files: tuple[Path, ...]
    gaps: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clip:
    """Consecutive frames (T, 3, S, S) uint8, RGB; `rate` per second, None if it is not known."""

    name: str
    recording: str
    frames: np.ndarray
    rate: float | None = None


@dataclass
class Found:
    """What reading a source gave: clips, and notes of what was assumed, cut or lost."""

    clips: list[Clip] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


# Finding


def find(root: Path) -> list[Source]:
    """Everything below a folder that moves: videos, animations, and folders of frames.

    Raises:
        MissingError: if there is nothing of the kind.
    """
    shown = files_below(root)
    moving = [path for path in shown if video.is_video(path)]
    still = [path for path in shown if is_frame(path) and path not in set(moving)]
    if not moving and not still:
        wanted = ", ".join((*video.SUFFIXES, *pictures.SUFFIXES))
        raise MissingError(f"{root} holds neither videos nor frames ({wanted})")
    relative = [path.relative_to(root) for path in moving]
    named = zip(distinct_names(relative), relative, moving, strict=True)
    videos = [Source(n, r.with_suffix("").as_posix(), (path,)) for n, r, path in named]
    return [*videos, *sequences(still, root)]


def find_listed(root: Path, split: str) -> list[Source]:
    """Sequences of the frame files that `{split}.txt` lists, one path per line.

    Raises:
        MissingError: if there is no list, or if it names files that do not exist.
    """
    path = root / f"{split}.txt"
    if not path.is_file():
        lists = ", ".join(p.name for p in sorted(root.glob("*.txt"))) or "none"
        raise MissingError(f"{path} is missing; lists there: {lists}")
    files = [inside(root, line.strip(), path) for line in path.open() if line.strip()]
    missing = [f for f in files if not f.is_file()]
    if missing:
        raise MissingError(f"{path} lists {len(missing)} missing files, first {missing[0]}")
    return sequences(files, root)


def is_frame(path: Path) -> bool:
    return path.suffix.lower() in pictures.SUFFIXES


def unread(root: Path) -> list[str]:
    """What lies beside the clips and is no clip, a phrase for each kind of file."""
    kinds = Counter(
        p.suffix.lower() or "no suffix"
        for p in files_below(root)
        if not is_frame(p) and not video.is_video(p)
    )
    return [f"{count} files of type {kind}" for kind, count in sorted(kinds.items())]


def sequences(files: Iterable[Path], root: Path) -> list[Source]:
    """Frame files by folder and by all of their name but its last number, in numerical order.

    Numbers that jump by twice as much as they mostly do leave a gap. Pictures without a number
    belong to no sequence and stand alone.
    """
    groups: dict[tuple[Path, str, str], list[tuple[int, Path]]] = defaultdict(list)
    for path in files:
        match = NUMBER.match(path.stem)
        before, after = (match["before"], match["after"]) if match else (path.stem, "")
        key = (path.parent.relative_to(root), before, after + path.suffix.lower())
        groups[key].append((int(match["number"]) if match else 0, path))
    sizes = Counter(folder for folder, _, _ in groups)
    titles = [title(key, sizes[key[0]] > 1, root) for key in groups]
    repeated = Counter(titles)
    found = [
        sequence(name if repeated[name] == 1 else name + key[2], name, sorted(numbered))
        for key, name, numbered in zip(groups, titles, groups.values(), strict=True)
    ]
    return [beside(source, found) if repeated[source.recording] > 1 else source for source in found]


def beside(source: Source, found: Sequence[Source]) -> Source:
    """Frames that differ in their suffix alone may have been meant as one clip, so it is said."""
    others = [s.name for s in found if s.recording == source.recording and s.name != source.name]
    note = f"{source.name}: is a clip apart from {', '.join(others)}; give one clip one suffix"
    return replace(source, notes=(*source.notes, note))


def title(key: tuple[Path, str, str], several: bool, root: Path) -> str:
    """`folder/video_0007` of `folder/video_0007_frame_0001.png`; the folder if that says it all."""
    folder, before, _ = key
    own = GENERIC.sub("", before)
    whole = folder / own if own and (several or own != before.rstrip("_-. ")) else folder
    return whole.as_posix() if whole != Path() else root.name


def sequence(name: str, recording: str, numbered: Sequence[tuple[int, Path]]) -> Source:
    steps = [later - earlier for (earlier, _), (later, _) in pairwise(numbered)]
    counts = Counter(step for step in steps if step)
    usual = max(counts, key=lambda step: (counts[step], -step), default=1)
    gaps = frozenset(i + 1 for i, step in enumerate(steps) if step >= 2 * usual)
    notes = [
        f"{name}: numbers are missing between {numbered[i - 1][1].name} and {numbered[i][1].name}, "
        "which parts the clip"
        for i in sorted(gaps)[:SEVERAL]
    ]
    if len(gaps) > SEVERAL:
        notes.append(f"{name}: and {len(gaps) - SEVERAL} more gaps in the numbers")
    double = [numbered[i][1].name for i, step in enumerate(steps) if not step]
    if double:
        notes.append(f"{name}: several files have the number of {double[0]}")
    return Source(name, recording, tuple(path for _, path in numbered), gaps, tuple(notes))


# Reading


def read(source: Source, size: int, shortest: int) -> Found:
    """The clips of a source; parted where a frame is damaged and where numbers are missing.

    Alpha is composited on black. 16-bit frames of a sequence are read alike, see `frame_bits`.

    Args:
        size: frames are cut to their central square and resized to this many pixels.
        shortest: pieces with fewer frames are left out, with a note.
    """
    if len(source.files) == 1 and video.is_video(source.files[0]):
        return from_video(source, size, shortest)
    return from_files(source, size, shortest)


def from_video(source: Source, size: int, shortest: int) -> Found:
    sizes: Counter[tuple[int, int]] = Counter()

    def prepare(frame: np.ndarray) -> np.ndarray:
        sizes[frame.shape[1], frame.shape[0]] += 1
        return fit(frame, size)

    found = video.read(source.files[0], prepare)
    notes = [f"{source.name}: {source.files[0].name} {note}" for note in found.notes]
    return assembled(source, [found.frames], notes, sizes, size, shortest, found.rate)


def from_files(source: Source, size: int, shortest: int) -> Found:
    sizes: Counter[tuple[int, int]] = Counter()
    assumed: dict[str, list[str]] = defaultdict(list)
    pieces: list[list[np.ndarray]] = [[]]
    notes: list[str] = []
    bits = frame_bits(source.files)
    for place, path in enumerate(source.files):
        if place in source.gaps:
            pieces.append([])
        try:
            picture = pictures.read(path, bits)
        except UnreadableImageError as error:
            notes.append(f"{source.name}: {path.name} is left out: {error.reason}")
            pieces.append([])
            continue
        for phrase in picture.assumed:
            assumed[phrase.split(":")[0]].append(path.name)
        height, width = picture.colour.shape[:2]
        sizes[width, height] += 1
        pieces[-1].append(fit(on_black(picture), size))
    notes += [f"{source.name}: {phrase} ({named(files)})" for phrase, files in assumed.items()]
    return assembled(source, pieces, [*source.notes, *notes], sizes, size, shortest, None)


def named(files: Sequence[str]) -> str:
    return files[0] if len(files) == 1 else f"{len(files)} frames from {files[0]} on"


def on_black(picture: pictures.Picture) -> np.ndarray:
    """(H, W, 3) uint8."""
    if picture.alpha is None:
        return picture.rgb8
    return np.rint(picture.over(0.0).clip(0, 1) * 255).astype(np.uint8)


def frame_bits(files: Sequence[Path]) -> int | None:
    """16 where one frame of a sequence uses them all, so that a dark frame is no 12-bit one."""
    deep = {True: False, False: False}
    for path in files:
        if path.suffix.lower() not in pictures.DEEP_SUFFIXES:
            continue
        try:
            picture = pictures.read(path)
        except UnreadableImageError:
            continue
        if picture.bits != 16:
            return None
        deep[any("12 bits" in phrase for phrase in picture.assumed)] = True
        if all(deep.values()):
            return 16
    return None


def assembled(
    source: Source,
    pieces: list[list[np.ndarray]],
    notes: list[str],
    sizes: Counter[tuple[int, int]],
    size: int,
    shortest: int,
    rate: float | None,
) -> Found:
    """Clips of the pieces that are long enough, and notes about the rest."""
    notes = [*notes, *size_notes(source.name, sizes, size)]
    long = [piece for piece in pieces if len(piece) >= shortest]
    lost = sum(len(piece) for piece in pieces if len(piece) < shortest)
    if lost:
        notes.append(
            f"{source.name}: {lost} frames are in pieces shorter than {shortest}, "
            "which are left out"
        )
    names = [f"{source.name}#{i}" if i else source.name for i in range(len(long))]
    clips = [
        Clip(name, source.recording, np.stack(piece), rate)
        for name, piece in zip(names, long, strict=True)
    ]
    dark = [clip for clip in clips if not clip.frames.any()]
    notes += [f"{clip.name}: all {len(clip.frames)} frames are black" for clip in dark]
    return Found(clips, notes)


def size_notes(name: str, sizes: Counter[tuple[int, int]], size: int) -> list[str]:
    if len(sizes) > 1:
        listed = ", ".join(f"{w}x{h} ({n} frames)" for (w, h), n in sizes.most_common())
        return [f"{name}: frames of several sizes, all are resized to {size}: {listed}"]
    return [
        f"{name}: frames of {w}x{h} are cut to their central square, without "
        f"{1 - min(w, h) / max(w, h):.0%} of each"
        for w, h in sizes
        if w != h
    ]


def fit(frame: np.ndarray, size: int) -> np.ndarray:
    """Central square of (H, W, 3) RGB, resized by area, as (3, size, size)."""
    side = min(frame.shape[:2])
    top, left = ((n - side) // 2 for n in frame.shape[:2])
    square = np.ascontiguousarray(frame[top : top + side, left : left + side])
    shrinks = side >= size
    resized = cv2.resize(
        square, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    )
    return np.ascontiguousarray(resized.transpose(2, 0, 1))
