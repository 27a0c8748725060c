"""Clips as samples: windows of consecutive frames."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from launch.data import Key, rng

Sample = dict[str, Any]


class Windows(Dataset[Sample]):
    """Windows of consecutive frames; training keys flip them, all frames of a window alike.

    A sample: `frames` (n, 3, S, S) uint8, `length` of them that are real (a short clip repeats
    its last), `name` of the window, mirrored or not, and `velocity` (n, 2, S, S) of simulated ones.

    Args:
        frames: n, frames of a window.
        stride: frames from one window to the next.
        flip: mirror half of the windows, left to right.
    """

    def __init__(
        self,
        sources: list[np.ndarray],
        frames: int,
        stride: int,
        seed: int = 0,
        flip: bool = False,
        velocity: np.ndarray | None = None,
    ) -> None:
        self.sources, self.frames, self.velocity = sources, frames, velocity
        self.seed, self.flip = seed, flip
        self.places = [
            (source, start)
            for source, clip in enumerate(sources)
            for start in range(0, max(1, len(clip) - frames + 1), stride)
        ]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, key: Key | int) -> Sample:
        number = key if isinstance(key, int) else key[1]
        source, start = self.places[number]
        window = self.sources[source][start : start + self.frames]
        missing = self.frames - len(window)
        padded = np.concatenate([window, np.repeat(window[-1:], missing, 0)])
        frames = torch.from_numpy(padded)
        if frames.shape[1] == 1:
            frames = frames.expand(-1, 3, -1, -1)
        flipped = not isinstance(key, int) and self.flip and rng(self.seed, *key).random() < 0.5
        sample = {
            "frames": frames.flip(-1) if flipped else frames,
            "length": torch.tensor(len(window)),
            "name": f"{number} mirrored" if flipped else f"{number}",
        }
        if self.velocity is not None:
            sample["velocity"] = torch.from_numpy(self.velocity[source].astype(np.float32))
        return sample
