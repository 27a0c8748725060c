"""Clips from files: decoded once, split by recording, and what is wrong with them told."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from lightning.pytorch.utilities import rank_zero_warn
from pydantic import DirectoryPath, Field, NonNegativeInt, PositiveInt

from launch.errors import MissingError
from launch.experiments.smoke import clips
from launch.experiments.smoke.clips import Clip, Source
from launch.experiments.smoke.samples import NOTED_AT_MOST, SmokeData, draw
from launch.experiments.smoke.windows import Windows
from launch.tools.split import hold_out

SHORTEST = 3

Fraction = Annotated[float, Field(gt=0, lt=1)]
WindowLength = Literal[1] | Annotated[int, Field(ge=3)]
"""One frame, or a context, a reference and a target."""


class RecordedSmoke(SmokeData):
    """What clips from files share: they are decoded once, split by recording, and bad ones named.

    `sources` gives for `train` and for `val` what is read.

    Args:
        size: pixels of a side; frames are cut to their central square.
        frames: frames of a window; 1 for the autoencoder, at least 3 for a flow.
        stride: frames from one window to the next.
        flip: mirror half of the windows, left to right.
        validation_windows: at most this many are validated on.
        validation_fraction: share of the recordings that is held out where there is no `val`.
    """

    def __init__(
        self,
        root: DirectoryPath,
        size: Annotated[int, Field(ge=16)] = 64,
        frames: WindowLength = 16,
        stride: PositiveInt = 8,
        batch_size: PositiveInt = 24,
        workers: NonNegativeInt = 0,
        flip: bool = True,
        validation_batch: PositiveInt = 16,
        validation_windows: PositiveInt = 64,
        validation_fraction: Fraction = 0.1,
    ) -> None:
        super().__init__(frames, batch_size, workers, flip, validation_batch)
        self.root, self.size, self.stride = Path(root), size, stride
        self.validation_windows = validation_windows
        self.validation_fraction = validation_fraction
        self.digest = hashlib.sha256()
        self.parts: dict[str, list[Clip]] = {}

    def sources(self) -> tuple[Sequence[Source], Sequence[Source] | None]:
        """What to train on, and what to validate on; None holds out a part of the first."""
        raise NotImplementedError

    @property
    def shortest(self) -> int:
        return SHORTEST if self.frames > 1 else 1

    def load(self, stage: str) -> None:
        train_sources, held_sources = self.sources()
        train = self.read(train_sources)
        if held_sources is None:
            train, held = self.hold_out(train)
        else:
            held = self.read(held_sources)
            self.note_copies(train, held)
        self.parts = {"train": train, "validation": held}
        for note in self.notes[:NOTED_AT_MOST]:
            rank_zero_warn(note)
        if len(self.notes) > NOTED_AT_MOST:
            rank_zero_warn(f"{len(self.notes) - NOTED_AT_MOST} more notes: see task=inspect")
        stride = 1 if self.frames == 1 else self.stride
        frames = [clip.frames for clip in train]
        self.train_set = Windows(frames, self.frames, stride, self.seed, self.flip)
        self.validation_set = Windows([clip.frames for clip in held], self.frames, stride)
        kept = len(self.validation_set.places) / self.validation_windows
        places = self.validation_set.places[:: max(1, round(kept))]
        self.validation_set.places = places[: self.validation_windows]

    def read(self, sources: Sequence[Source]) -> list[Clip]:
        """All clips that are long enough.

        Raises:
            MissingError: if none is.
        """
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(lambda s: clips.read(s, self.size, self.shortest), sources))
        self.notes += [note for one in found for note in one.notes]
        usable = [clip for one in found for clip in one.clips]
        for clip in usable:
            self.digest.update(clip.frames.data)
        if not usable:
            reasons = "; ".join(self.notes[:3])
            raise MissingError(
                f"{self.root}: none of {len(sources)} clips has {self.shortest} good frames in a "
                f"row, which a target, its reference and a context need. {reasons}"
            )
        return usable

    def hold_out(self, train: list[Clip]) -> tuple[list[Clip], list[Clip]]:
        """A share of the recordings for validation; of a single one its end.

        Raises:
            MissingError: if a single recording is too short to be divided.
        """
        recordings = {clip.recording for clip in train}
        if len(recordings) > 1:
            held = hold_out(recordings, self.validation_fraction)
            return (
                [clip for clip in train if clip.recording not in held],
                [clip for clip in train if clip.recording in held],
            )
        *others, last = train
        total = sum(len(clip.frames) for clip in train)
        count = max(self.shortest, round(self.validation_fraction * total))
        if others and len(last.frames) <= count:
            cut = 0
        elif len(last.frames) - count >= self.shortest:
            cut = len(last.frames) - count
        else:
            raise MissingError(
                f"{self.root} holds one clip of {len(last.frames)} frames, too short to train on "
                f"one part and to validate on another; give at least {2 * self.shortest} frames"
            )
        self.notes.append(
            f"{self.root}: there is one recording only, so its last {len(last.frames) - cut} "
            "frames are validated on; the metrics say little about others"
        )
        before = [replace(last, frames=last.frames[:cut])] if cut else []
        return [*others, *before], [replace(last, frames=last.frames[cut:])]

    def note_copies(self, train: Sequence[Clip], held: Sequence[Clip]) -> None:
        """Clips that are in both parts under whatever name."""
        known = {hashlib.sha256(clip.frames.data).digest(): clip.name for clip in train}
        for clip in held:
            copy = known.get(hashlib.sha256(clip.frames.data).digest())
            if copy is not None:
                self.notes.append(f"{clip.name} is validated on and has the frames of {copy}")

    def report(self) -> dict[str, Any]:
        recordings = {part: len({c.recording for c in cs}) for part, cs in self.parts.items()}
        return {**super().report(), "recordings": recordings}

    def inspect(self, folder: Path) -> list[str]:
        """What was found, how it is read, what is assumed and what is left out, a line each.

        Args:
            folder: gets a contact sheet per part, with a histogram below every clip's middle frame.
        """
        self.setup("fit")
        lines = [line for part, found in self.parts.items() for line in described(part, found)]
        for part, found in self.parts.items():
            draw(folder / f"{part}.png", [(clip.name, clip.frames) for clip in found])
        lines += [f"left out: {phrase}, which are no clips" for phrase in clips.unread(self.root)]
        return [*lines, *self.notes]

    def fingerprint(self) -> str:
        return f"{type(self).__name__}-{self.size}-{self.digest.hexdigest()[:16]}"


def described(part: str, found: Sequence[Clip]) -> list[str]:
    """Numbers, rates and names of a part, a line each."""
    recordings = sorted({clip.recording for clip in found})
    rates = sorted({round(clip.rate, 2) for clip in found if clip.rate})
    frames = sum(len(clip.frames) for clip in found)
    shown = ", ".join(f"{rate:g}" for rate in rates) or "unknown"
    more = ", ..." if len(recordings) > NOTED_AT_MOST else ""
    return [
        f"{part}: {len(found)} clips of {len(recordings)} recordings, {frames} frames; "
        f"frames per second: {shown}",
        f"{part}: {', '.join(recordings[:NOTED_AT_MOST])}{more}",
    ]
