"""Clips of smoke as training data: simulated, folders of frames, lists of frames, videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from launch.errors import MissingError
from launch.experiments.smoke import clips, simulate
from launch.experiments.smoke.clips import Source
from launch.experiments.smoke.recorded import RecordedSmoke, WindowLength
from launch.experiments.smoke.samples import SmokeData
from launch.experiments.smoke.simulate import Regime
from launch.experiments.smoke.windows import Windows
from launch.tools.drawn import drawn

VALIDATION_CLIPS = 10_000  # simulated clips from this number on are validated on


class SimulatedSmoke(SmokeData):
    """Clips of the embedded simulator, kept in `cache` after the first run.

    Args:
        regime: `determined`: two frames foretell the next; `uncertain`: hidden gusts and puffs.
        clips, validation_clips: how many to train and to validate on.
        clip_frames, size: frames and pixels of a clip.
        frames: frames of a window; 1 for the autoencoder, at least 3 for a flow.
        flip: mirror half of the windows, left to right.
        simulation_seed: of the simulator, apart from the run's, so that runs share their data.
        storm: how much stronger the wind is in clips that are validated on; from 0.6 on, beyond
            all that is trained on.
        cache: folder of simulated clips.
    """

    def __init__(
        self,
        regime: Regime = "uncertain",
        clips: PositiveInt = 256,
        validation_clips: PositiveInt = 32,
        clip_frames: Annotated[int, Field(ge=3)] = 16,
        size: Annotated[int, Field(ge=16)] = 64,
        frames: WindowLength = 16,
        batch_size: PositiveInt = 24,
        workers: NonNegativeInt = 0,
        flip: bool = True,
        validation_batch: PositiveInt = 16,
        simulation_seed: NonNegativeInt = 0,
        storm: NonNegativeFloat = 0.0,
        cache: str = "runs/.cache/smoke",
    ) -> None:
        super().__init__(min(frames, clip_frames), batch_size, workers, flip, validation_batch)
        self.regime: Regime = regime
        self.clips, self.validation_clips = clips, validation_clips
        self.clip_frames, self.size = clip_frames, size
        self.simulation_seed, self.storm, self.cache = simulation_seed, storm, Path(cache)

    def load(self, stage: str) -> None:
        single = self.frames == 1
        if stage == "fit":
            train = self.simulated(self.clips, 0)
            self.train_set = Windows(self.frames_of(train), self.frames, 1, self.seed, self.flip)
        held = self.simulated(self.validation_clips, VALIDATION_CLIPS, self.storm)
        velocity = None if single else held.velocity[:, : self.frames]
        stride = self.clip_frames // 4 if single else self.clip_frames
        self.validation_set = Windows(self.frames_of(held), self.frames, stride, velocity=velocity)

    def simulated(self, count: int, first: int, storm: float = 0) -> simulate.Smoke:
        settings = (count, self.clip_frames, self.size, self.simulation_seed, self.regime)
        kept = drawn(simulate.arrays, *settings, first, storm, folder=self.cache)
        return simulate.Smoke(**kept)

    @staticmethod
    def frames_of(smoke: simulate.Smoke) -> list[np.ndarray]:
        return list(smoke.opacity[:, :, None])

    def fingerprint(self) -> str:
        settings = (self.clips, self.clip_frames, self.size, self.simulation_seed, self.storm)
        return f"simulated-{simulate.VERSION}-{self.regime}-" + "-".join(map(str, settings))


class ClipFolders(RecordedSmoke):
    """A folder of videos, animations and folders of frames; `root` may have `train` and `val`.

    Args:
        root: looked through at any depth.
        others: as in `RecordedSmoke`.
    """

    def sources(self) -> tuple[Sequence[Source], Sequence[Source] | None]:
        if not (self.root / "train").is_dir():
            return clips.find(self.root), None
        held = self.root / "val"
        return clips.find(self.root / "train"), clips.find(held) if held.is_dir() else None


class FrameLists(RecordedSmoke):
    """Frames named `video_XXXX_frame_YYYY.png` that `train.txt` and `val.txt` list.

    Args:
        root: the folder of the lists; paths in them start there.
        train, validation: names of the lists.
        others: as in `RecordedSmoke`.
    """

    def __init__(self, *, train: str = "train", validation: str = "val", **others: Any) -> None:
        super().__init__(validation_fraction=0.1, **others)
        self.train_list, self.validation_list = train, validation

    def sources(self) -> tuple[Sequence[Source], Sequence[Source] | None]:
        """Refuses recordings that are in both lists."""
        train = clips.find_listed(self.root, self.train_list)
        held = clips.find_listed(self.root, self.validation_list)
        shared = sorted({s.recording for s in train} & {s.recording for s in held})
        if shared:
            raise MissingError(
                f"{len(shared)} clips are in both {self.train_list}.txt and "
                f"{self.validation_list}.txt, first {shared[0]}; a clip belongs to one of them"
            )
        return train, held
