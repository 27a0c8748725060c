"""Clips of smoke as training data: simulated, folders of frames, lists of frames, videos."""

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from launch.experiments.smoke import clips, simulate
from launch.experiments.smoke.clips import Clip
from launch.experiments.smoke.simulate import Regime
from launch.experiments.smoke.windows import Windows
from lightning.pytorch.utilities import rank_zero_warn
from pydantic import DirectoryPath, Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch.utils.data import DataLoader

from launch.errors import MissingError
from launch.train.data import ScheduledDataModule

SHORTEST = 3
NOTED_AT_MOST = 20
VALIDATION_CLIPS = 10_000  # simulated clips from this number on are validated on

Fraction = Annotated[float, Field(gt=0, lt=1)]


class SmokeData(ScheduledDataModule):
    """What all kinds of clips share.

    Args:
        frames: frames of a window; 1 for the autoencoder.
        validation_batch: windows validated on at once.
    """

    def __init__(
        self, frames: int, batch_size: int, workers: int, flip: bool, validation_batch: int
    ) -> None:
        super().__init__(batch_size, workers)
        self.frames, self.flip, self.validation_batch = frames, flip, validation_batch
        self.notes: list[str] = []

    def val_dataloader(self) -> DataLoader[Any]:
        assert self.validation_set is not None
        return DataLoader(self.validation_set, batch_size=self.validation_batch, num_workers=0)

    def report(self) -> dict[str, Any]:
        sets = {"train": self.train_set, "validation": self.validation_set}
        counts = {f"{k}_windows": len(v) for k, v in sets.items() if v is not None}  # type: ignore[arg-type]
        return {**counts, "notes": self.notes[:NOTED_AT_MOST], "noted": len(self.notes)}


class SimulatedSmoke(SmokeData):
    """Clips of the embedded simulator, kept in `cache` after the first run.

    Args:
        regime: `determined`: two frames foretell the next; `uncertain`: hidden gusts and puffs.
        clips, validation_clips: how many to train and to validate on.
        clip_frames, size: frames and pixels of a clip.
        frames: frames of a window; 1 for the autoencoder.
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
        frames: PositiveInt = 16,
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
        return simulate.cached(self.cache, *settings, first, storm)

    @staticmethod
    def frames_of(smoke: simulate.Smoke) -> list[np.ndarray]:
        return list(smoke.opacity[:, :, None])

    def fingerprint(self) -> str:
        settings = (self.clips, self.clip_frames, self.size, self.simulation_seed, self.storm)
        return f"simulated-{simulate.VERSION}-{self.regime}-" + "-".join(map(str, settings))


class RecordedSmoke(SmokeData):
    """What clips from files share: they are decoded once, split by clip, and bad ones are named.

    `sources` gives for `train` and for `val` what is read, by the name of the clip.
    """

    def __init__(
        self,
        root: Path,
        size: int,
        frames: int,
        stride: int,
        batch_size: int,
        workers: int,
        flip: bool,
        validation_batch: int,
        validation_windows: int,
        validation_fraction: float,
    ) -> None:
        super().__init__(frames, batch_size, workers, flip, validation_batch)
        self.root, self.size, self.stride = Path(root), size, stride
        self.validation_windows = validation_windows
        self.validation_fraction = validation_fraction
        self.digest = hashlib.sha256()

    def sources(self) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
        """What to train on, and what to validate on; None holds out a part of the first."""
        raise NotImplementedError

    def load(self, stage: str) -> None:
        train_sources, held_sources = self.sources()
        train = self.read(train_sources)
        if held_sources is None:
            train, held = self.hold_out(train)
        else:
            held = self.read(held_sources)
        for note in self.notes[:NOTED_AT_MOST]:
            rank_zero_warn(note)
        stride = 1 if self.frames == 1 else self.stride
        self.train_set = Windows(train, self.frames, stride, self.seed, self.flip)
        self.validation_set = Windows(held, self.frames, stride)
        kept = len(self.validation_set.places) / self.validation_windows
        places = self.validation_set.places[:: max(1, round(kept))]
        self.validation_set.places = places[: self.validation_windows]

    def read(self, sources: Mapping[str, Any]) -> list[np.ndarray]:
        """Frames of all clips that are long enough.

        Raises:
            MissingError: if none is.
        """
        shortest = SHORTEST if self.frames > 1 else 1

        def one(item: tuple[str, Any]) -> list[Clip]:
            return clips.read(item[1], item[0], self.size, shortest)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = [clip for group in pool.map(one, sources.items()) for clip in group]
        self.notes += [note for clip in found for note in clip.notes]
        usable = [clip.frames for clip in found if len(clip.frames)]
        for frames in usable:
            self.digest.update(frames.tobytes())
        if not usable:
            reasons = "; ".join(self.notes[:3])
            raise MissingError(
                f"{self.root}: none of {len(sources)} clips has {shortest} good frames in a row, "
                f"which a target, its reference and a context need. {reasons}"
            )
        return usable

    def hold_out(self, train: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Every n-th clip for validation; of a single clip its end.

        Raises:
            MissingError: if a single clip is too short to be divided.
        """
        if len(train) > 1:
            every = max(2, round(1 / self.validation_fraction))
            held = train[every - 1 :: every] or train[-1:]
            return [c for c in train if not any(c is h for h in held)], held
        clip, shortest = train[0], SHORTEST if self.frames > 1 else 1
        count = max(shortest, round(self.validation_fraction * len(clip)))
        if len(clip) - count < shortest:
            raise MissingError(
                f"{self.root} holds one clip of {len(clip)} frames, too short to train on one "
                f"part and to validate on another; give at least {2 * shortest} frames"
            )
        self.notes.append(
            f"{self.root}: there is one clip only, so its last {count} frames are validated on; "
            "the metrics say little about other clips"
        )
        return [clip[:-count]], [clip[-count:]]

    def fingerprint(self) -> str:
        return f"{type(self).__name__}-{self.size}-{self.digest.hexdigest()[:16]}"


class FrameFolders(RecordedSmoke):
    """Folders of frames, each a clip; `root` may have `train` and `val`.

    Args:
        root: a folder of frames, or of folders of frames.
        size: pixels of a side; frames are cut to their central square.
        frames: frames of a window; 1 for the autoencoder.
        stride: frames from one window to the next.
        flip: mirror half of the windows, left to right.
        validation_windows: at most this many are validated on.
        validation_fraction: share of the clips that is held out where there is no `val`.
    """

    def __init__(
        self,
        root: DirectoryPath,
        size: Annotated[int, Field(ge=16)] = 64,
        frames: PositiveInt = 16,
        stride: PositiveInt = 8,
        batch_size: PositiveInt = 24,
        workers: NonNegativeInt = 0,
        flip: bool = True,
        validation_batch: PositiveInt = 16,
        validation_windows: PositiveInt = 64,
        validation_fraction: Fraction = 0.1,
    ) -> None:
        super().__init__(
            root, size, frames, stride, batch_size, workers, flip,
            validation_batch, validation_windows, validation_fraction,
        )  # fmt: skip

    find: Callable[[Path], Mapping[str, Any]] = staticmethod(clips.find_frames)

    def sources(self) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
        if not (self.root / "train").is_dir():
            return self.find(self.root), None
        held = self.root / "val"
        return self.find(self.root / "train"), self.find(held) if held.is_dir() else None


class Videos(FrameFolders):
    """MP4, AVI or other videos, each a clip; otherwise as `FrameFolders`."""

    find = staticmethod(clips.find_videos)


class FrameLists(RecordedSmoke):
    """Frames named `video_XXXX_frame_YYYY.png` that `train.txt` and `val.txt` list.

    Args:
        root: the folder of the lists; paths in them start there.
        train, validation: names of the lists.
        size: pixels of a side; frames are cut to their central square.
        frames: frames of a window; 1 for the autoencoder.
        stride: frames from one window to the next.
        flip: mirror half of the windows, left to right.
        validation_windows: at most this many are validated on.
    """

    def __init__(
        self,
        root: DirectoryPath,
        train: str = "train",
        validation: str = "val",
        size: Annotated[int, Field(ge=16)] = 64,
        frames: PositiveInt = 16,
        stride: PositiveInt = 8,
        batch_size: PositiveInt = 24,
        workers: NonNegativeInt = 0,
        flip: bool = True,
        validation_batch: PositiveInt = 16,
        validation_windows: PositiveInt = 64,
    ) -> None:
        super().__init__(
            root, size, frames, stride, batch_size, workers, flip,
            validation_batch, validation_windows, 0.1,
        )  # fmt: skip
        self.train_list, self.validation_list = train, validation

    def sources(self) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
        """Refuses clips that are in both lists."""
        train = clips.find_listed(self.root, self.train_list)
        held = clips.find_listed(self.root, self.validation_list)
        shared = sorted(train.keys() & held.keys())
        if shared:
            raise MissingError(
                f"{len(shared)} clips are in both {self.train_list}.txt and "
                f"{self.validation_list}.txt, first {shared[0]}; a clip belongs to one of them"
            )
        return train, held
