"""Small clips as folders of frames and as videos."""

from pathlib import Path

import cv2
import numpy as np


def save_clip(folder: Path, frames: int = 6, level: int = 40) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(frames):
        image = np.full((16, 16, 3), level + number, np.uint8)
        cv2.imwrite(str(folder / f"f{number:03}.png"), image)
    return folder


def write_video(path: Path, levels: list[int]) -> None:
    code = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    writer = cv2.VideoWriter(str(path), code, 7, (16, 16))
    for level in levels:
        writer.write(np.full((16, 16, 3), level, np.uint8))
    writer.release()
