"""Reading clips: folders of frames, lists of frames, and videos."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from launch.errors import MissingError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
NUMBERED = re.compile(r"(?P<clip>.*?)_?frame_?(?P<number>\d+)$")


@dataclass
class Clip:
    """Consecutive frames of one camera.

    Attributes:
        frames: (T, 3, S, S) uint8, RGB.
        notes: what was left out or looks wrong, one sentence each.
    """

    name: str
    frames: np.ndarray
    notes: list[str] = field(default_factory=list)


def read(source: Path | list[Path], name: str, size: int, shortest: int) -> list[Clip]:
    """The clip of a video file or of frame files; cut in two where a frame is damaged.

    Args:
        size: frames are cut to their central square and resized to this many pixels.
        shortest: pieces with fewer frames are left out, with a note.
    """
    frames = list(_from_files(source) if isinstance(source, list) else _from_video(source))
    notes = [f"{name}: {label} is damaged and left out" for label, f in frames if f is None]
    sizes = Counter(f.shape[1::-1] for _, f in frames if f is not None)
    if len(sizes) > 1:
        listed = ", ".join(f"{w}x{h} ({n} frames)" for (w, h), n in sizes.most_common())
        notes.append(f"{name}: frames of several sizes, all are resized to {size}: {listed}")
    pieces: list[list[np.ndarray]] = [[]]
    for _, frame in frames:
        if frame is None:
            pieces.append([])
        else:
            pieces[-1].append(fit(frame, size))
    long = [piece for piece in pieces if len(piece) >= shortest]
    lost = sum(len(piece) for piece in pieces if len(piece) < shortest)
    if lost or not long:
        notes.append(
            f"{name}: {lost} frames are in pieces shorter than {shortest}, which are left out"
        )
    clips = [Clip(f"{name}#{i}" if i else name, np.stack(p)) for i, p in enumerate(long)]
    for clip in clips:
        if not clip.frames.any():
            notes.append(f"{clip.name}: all {len(clip.frames)} frames are black")
    return (
        [*clips[:-1], Clip(clips[-1].name, clips[-1].frames, notes)]
        if clips
        else [Clip(name, np.empty((0, 3, size, size), np.uint8), notes)]
    )


def fit(frame: np.ndarray, size: int) -> np.ndarray:
    """Central square of (H, W, 3) RGB, resized by area, as (3, size, size)."""
    side = min(frame.shape[:2])
    top, left = ((n - side) // 2 for n in frame.shape[:2])
    square = frame[top : top + side, left : left + side]
    shrinks = side >= size
    resized = cv2.resize(
        square, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    )
    return np.ascontiguousarray(resized.transpose(2, 0, 1))


def _from_files(paths: list[Path]) -> Iterator[tuple[str, np.ndarray | None]]:
    for path in paths:
        encoded = np.fromfile(path, np.uint8) if path.is_file() else np.empty(0, np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
        yield path.name, None if image is None else image[..., ::-1]


def _from_video(path: Path) -> Iterator[tuple[str, np.ndarray | None]]:
    capture = cv2.VideoCapture(str(path))
    try:
        count = 0
        while True:
            found, image = capture.read()
            if not found:
                break
            yield f"frame {count}", image[..., ::-1]
            count += 1
    finally:
        capture.release()


# Finding clips


def find_frames(root: Path) -> dict[str, list[Path]]:
    """Frame files by clip: every folder with pictures is a clip, split by `..._frame_NNNN` names.

    Raises:
        MissingError: if there is no picture.
    """
    files = [p for p in sorted(root.rglob("*")) if p.suffix.lower() in PICTURES]
    if not files:
        raise MissingError(
            f"{root} holds no pictures ({', '.join(PICTURES)}); give a folder of frames, or of "
            "folders of frames, or use data=smoke/video for videos"
        )
    return group(files, root)


def find_listed(root: Path, split: str) -> dict[str, list[Path]]:
    """Frame files by clip, as `{split}.txt` lists them, one path per line.

    Raises:
        MissingError: if there is no list, or if it names files that do not exist.
    """
    path = root / f"{split}.txt"
    if not path.is_file():
        lists = ", ".join(p.name for p in sorted(root.glob("*.txt"))) or "none"
        raise MissingError(f"{path} is missing; lists there: {lists}")
    files = [root / line.strip() for line in path.read_text().splitlines() if line.strip()]
    missing = [f for f in files if not f.is_file()]
    if missing:
        raise MissingError(f"{path} lists {len(missing)} missing files, first {missing[0]}")
    return group(files, root)


def find_videos(root: Path) -> dict[str, Path]:
    """Video files by name.

    Raises:
        MissingError: if there is none.
    """
    files = [p for p in sorted(root.rglob("*")) if p.suffix.lower() in VIDEOS]
    if not files:
        raise MissingError(f"{root} holds no videos ({', '.join(VIDEOS)})")
    return {p.relative_to(root).with_suffix("").as_posix(): p for p in files}


def group(files: list[Path], root: Path) -> dict[str, list[Path]]:
    """Frame files by clip, each in the order of its numbers."""
    clips: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for path in files:
        folder = path.parent.relative_to(root).as_posix()
        match = NUMBERED.match(path.stem)
        digits = re.findall(r"\d+", path.stem)
        own = f"/{match['clip']}" if match and match["clip"] else ""
        clips[folder + own].append((int(digits[-1]) if digits else 0, path))
    return {
        name.removeprefix("./") if name != "." else root.name: [p for _, p in sorted(found)]
        for name, found in clips.items()
    }
