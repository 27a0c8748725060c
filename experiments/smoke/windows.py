"""Clips as samples: windows of consecutive frames."""

from typing import Any

import numpy as np
import torch
from launch.experiments.smoke.path import draw
from torch.utils.data import Dataset

from launch.train.data import Key, rng

Sample = dict[str, Any]


class Windows(Dataset[Sample]):
    """Windows of consecutive frames.

    An index gives `frames` (n, 3, S, S) uint8, `length` of them that are real (a short clip repeats
    its last), and `velocity` (n, 2, S, S) of simulated ones.

    A training key gives what one step learns from: `frames` (3, 3, S, S), which are a context, the
    reference and the target, mirrored or not, their `names`, and the `distance` from the first to
    the second. Of windows of a single frame it gives that frame.

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
        return self.whole(key) if isinstance(key, int) else self.drawn(key)

    def whole(self, number: int) -> Sample:
        source, start = self.places[number]
        window = self.sources[source][start : start + self.frames]
        missing = self.frames - len(window)
        padded = np.concatenate([window, np.repeat(window[-1:], missing, 0)])
        sample = {"frames": in_colour(padded), "length": torch.tensor(len(window))}
        if self.velocity is not None:
            sample["velocity"] = torch.from_numpy(self.velocity[source].astype(np.float32))
        return sample

    def drawn(self, key: Key) -> Sample:
        random, (source, start) = rng(self.seed, *key), self.places[key[1]]
        flipped = self.flip and random.random() < 0.5
        window = self.sources[source][start : start + self.frames]
        numbers, sample = np.zeros(1, int), {}
        if self.frames > 1:
            drawn = draw(torch.tensor([len(window)]), torch.from_numpy(random.random((2, 1))))
            numbers, mark = drawn.numbers[0].numpy(), " mirrored" * flipped
            names = [f"{source} {start + number}{mark}" for number in numbers]
            sample = {"names": names, "distance": drawn.distance[0]}
        frames = in_colour(window[numbers])
        return {"frames": frames.flip(-1) if flipped else frames, **sample}


def in_colour(frames: np.ndarray) -> torch.Tensor:
    """Grey or coloured frames (T, 1 or 3, S, S) as (T, 3, S, S)."""
    return torch.from_numpy(frames).expand(-1, 3, -1, -1)
