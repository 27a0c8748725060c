"""Videos and animations as frames, their rate, and what was assumed or lost in reading them.

OpenCV decodes videos and Pillow animations; the policy is here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from launch.tools import decoding

SUFFIXES = (
    ".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv",
)  # fmt: skip
ANIMATIONS = (".gif", ".webp", ".apng")

Frame = np.ndarray
"""(H, W, 3) uint8, RGB."""


@dataclass(frozen=True)
class Video:
    """What could be read of a file.

    Attributes:
        frames: as `prepare` left them, in their order.
        rate: frames per second; None if the file does not say.
        notes: what was assumed, changed or lost; a phrase each.
    """

    frames: list[np.ndarray]
    rate: float | None
    notes: list[str]


def is_video(path: Path) -> bool:
    """By its suffix; a GIF, WebP or APNG with a single frame is a picture."""
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or (suffix in ANIMATIONS and path.is_file() and _moves(path))


def read(path: Path, prepare: Callable[[Frame], np.ndarray] = lambda frame: frame) -> Video:
    """Every frame, composited on black and turned upright.

    Of a file that is cut off or damaged, those before the damage; the last of them, which it may
    have reached, is left out.

    Args:
        prepare: applied to each frame at once, so that no long video is whole in memory.
    """
    animated = path.suffix.lower() in ANIMATIONS
    return _animation(path, prepare) if animated else _stream(path, prepare)


def _stream(path: Path, prepare: Callable[[Frame], np.ndarray]) -> Video:
    capture = cv2.VideoCapture(str(path))
    try:
        announced = int(max(0, min(capture.get(cv2.CAP_PROP_FRAME_COUNT), 1e9)))
        rate = capture.get(cv2.CAP_PROP_FPS)
        frames = [prepare(frame) for frame in _decoded(capture)]
    finally:
        capture.release()
    notes = []
    if len(frames) < announced or not frames:
        frames, notes = _without_last(frames, announced)
    return Video(frames, rate if 0 < rate < 1000 else None, notes)


def _decoded(capture: cv2.VideoCapture) -> Iterator[Frame]:
    while True:
        found, image = capture.read()
        if not found:
            return
        yield image[..., ::-1]


def _animation(path: Path, prepare: Callable[[Frame], np.ndarray]) -> Video:
    frames, durations, whole, announced = [], [], True, 0
    try:
        with Image.open(path) as image:
            announced = getattr(image, "n_frames", 1)
            decoding.require_size(path, image.height, image.width)
            for number in range(announced):
                image.seek(number)
                frames.append(prepare(_on_black(image)))
                durations.append(float(image.info.get("duration") or 0))
        whole = path.suffix.lower() != ".gif" or _has_trailer(path)
    except Exception:  # decoders raise almost anything when bytes are damaged
        whole = False
    frames, notes = (frames, []) if whole else _without_last(frames, announced)
    rate, said = _rate(durations)
    return Video(frames, rate, [*notes, *said])


def _on_black(image: Image.Image) -> Frame:
    pixels = np.asarray(image.convert("RGBA")).astype(np.float32)
    return np.rint(pixels[..., :3] * (pixels[..., 3:] / 255)).astype(np.uint8)


def _rate(durations: list[float]) -> tuple[float | None, list[str]]:
    """Frames per second, from milliseconds; 0 says nothing."""
    known = [d for d in durations if d > 0]
    if not known:
        return None, []
    mean = float(np.mean(known))
    if max(known) - min(known) <= 1:
        return 1000 / mean, []
    shown = f"frames are shown from {min(known):g} to {max(known):g} ms each"
    return 1000 / mean, [f"{shown}, and taken as evenly spaced"]


def _without_last(frames: list[np.ndarray], announced: int) -> tuple[list[np.ndarray], list[str]]:
    of = f" of {announced}" if announced > len(frames) else ""
    note = f"is truncated or damaged: {len(frames)}{of} frames could be read"
    return frames[:-1], [note + (", the last of them is left out" if frames else "")]


def _has_trailer(path: Path) -> bool:
    """A whole GIF ends with a semicolon."""
    return path.read_bytes().rstrip(b"\0")[-1:] == b";"


def _moves(path: Path) -> bool:
    """Pillow cannot open a WebP that is cut off, but its header has a bit for it."""
    with path.open("rb") as file:
        head = file.read(21)
    if path.suffix.lower() == ".webp":
        return head[12:16] == b"VP8X" and bool(head[20] & 2)
    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:
        return True
