"""Pictures and videos of clips."""

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from launch.record import storage

ENLARGED = 96
GAP = 2


def comparison(truth: Tensor, generated: Tensor) -> np.ndarray:
    """Rows true | generated | difference of (T, 3, H, W) frames in [0, 1], uint8 (h, w, 3)."""
    difference = (generated - truth).abs()
    return grid([strip(row) for row in (truth, generated, difference)])


def strip(frames: Tensor) -> np.ndarray:
    """Frames (T, 3, H, W) in [0, 1] side by side, enlarged without filtering, uint8 (h, w, 3)."""
    factor = max(1, ENLARGED // frames.shape[-1])
    large = F.interpolate(frames.float(), scale_factor=factor, mode="nearest")
    padded = F.pad(large, (0, GAP, 0, GAP), value=0.5)
    return to_uint8(torch.cat(list(padded), dim=2))


def grid(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of one width below each other."""
    return np.concatenate(rows)


def to_uint8(frame: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] to (H, W, 3) uint8."""
    return frame.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()


def save_video(path: Path, frames: Tensor, frames_per_second: float) -> None:
    """Write (T, 3, H, W) frames as MP4 (MPEG-4 part 2) or GIF, by the suffix of the path."""
    factor = max(1, ENLARGED * 2 // frames.shape[-1])
    large = F.interpolate(frames.float(), scale_factor=factor, mode="nearest")
    images = [to_uint8(frame) for frame in large]
    if path.suffix == ".gif":
        pictures = [Image.fromarray(image) for image in images]
        duration = round(1000 / frames_per_second)
        options = {"append_images": pictures[1:], "duration": duration, "loop": 0}
        with storage.replacing(path) as file:
            pictures[0].save(file, "GIF", save_all=True, **options)
        return
    height, width = images[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*"mp4v")
    with TemporaryDirectory() as folder:
        made = Path(folder, path.name)
        writer = cv2.VideoWriter(str(made), code, frames_per_second, (width, height))
        if not writer.isOpened():
            raise OSError(f"OpenCV cannot write {path}")
        for image in images:
            writer.write(np.ascontiguousarray(image[..., ::-1]))
        writer.release()
        storage.write(path, made.read_bytes())
