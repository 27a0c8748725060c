"""The slice of a run as Lightning data: a synthetic spiral, maps of a network, or a raw scan.

A fit has one sample, the slice itself, which it reads in every iteration; so an epoch is one
iteration, and what the loader yields is only a signal to go on.
"""

import hashlib
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import DirectoryPath, Field, FilePath, NonNegativeInt, PositiveFloat, PositiveInt
from torch import nn
from torch.utils.data import Dataset

from launch.experiments.winding import data, network, structure
from launch.experiments.winding.channels import Channels, flag_gaps
from launch.experiments.winding.synthetic import Spiral, spiral
from launch.tools import contact_sheet, model_files
from launch.train.data import ScheduledDataModule

Share = Annotated[float, Field(ge=0, le=1)]
ONLY = np.zeros(1, np.int64)


class Turns(Dataset[int]):
    """One sample without content."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> int:
        return 0


class Slice(ScheduledDataModule):
    """What the sources share.

    Args:
        least_direction: pixels whose direction channels make a vector shorter than this are
            invalid, see `flag_gaps`; 0 believes the validity channel.

    Attributes:
        source: the slice as it was given.
        channels: the slice as it is fitted.
    """

    def __init__(self, least_direction: float) -> None:
        super().__init__(batch_size=1)
        self.least_direction = least_direction
        self.source: Channels
        self.channels: Channels

    def read(self) -> Channels:
        """The maps as they are in the file."""
        raise NotImplementedError

    def load(self, stage: str) -> None:
        self.source = self.read()
        self.channels = flag_gaps(self.source, self.least_direction)
        self.train_set, self.validation_set = Turns(), Turns()

    def order(self, epoch: int) -> np.ndarray:
        return ONLY

    def fingerprint(self) -> str:
        """Of the maps as they are fitted."""
        self.setup("fit")
        return hashlib.sha256(self.channels.stack().tobytes()).hexdigest()[:16]

    def report(self) -> dict[str, Any]:
        """Size and pitch in model pixels, and how much of the slice counts."""
        self.setup("fit")
        found = self.channels
        return {
            "slice": found.name,
            "size": [len(found.cosine), *found.size],
            "downscale": found.downscale,
            "pitch": round(found.pitch(), 3),
            "valid": round(float(found.valid.mean()), 4),
            "z": list(found.z or ()),
            "assumed": list(found.assumed),
        }

    def inspect(self, folder: Path) -> list[str]:
        """How the slices are read and what is assumed, a line each.

        Args:
            folder: gets a contact sheet of every slice beside its cosine, pixels that count green.
        """
        found = self.report()
        count, height, width = found["size"]
        where = f" at z {found['z'][0]:g} to {found['z'][-1]:g}" if found["z"] else ""
        lines = [
            f"{found['slice']}: {count} slices of {width}x{height} model pixels{where}, "
            f"{found['downscale']:g} pixels of the scan each",
            f"pitch {found['pitch']:g} model pixels, {found['valid']:.1%} of them count",
        ]
        sheet = [pair for n in range(count) for pair in self._shown(n)]
        contact_sheet.write(folder / "slices.png", sheet)
        return [*lines, *(f"assumed: {phrase}" for phrase in found["assumed"])]

    def _shown(self, number: int) -> list[tuple[str, np.ndarray]]:
        maps = self.channels
        drawn = maps.cosine if maps.picture is None else maps.picture
        grey, valid = (x[number][..., None].repeat(3, -1) for x in (drawn, maps.valid))
        counts = np.where(valid > 0, [0.5, 1.0, 0.5], 1.0) * maps.cosine[number][..., None]
        return [(f"{name} {number}", np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8))
                for name, x in (("slice", grey), ("cosine", counts))]  # fmt: skip


class SyntheticSpiral(Slice):
    """A spiral with known truth, drawn from the seed of the run.

    Args:
        spiral: what is drawn and how it is damaged.
        spiral_seed: another seed than the run's.
    """

    def __init__(
        self,
        spiral: Spiral,
        spiral_seed: NonNegativeInt | None = None,
        least_direction: Share = 0.5,
    ) -> None:
        super().__init__(least_direction)
        self.spiral, self.spiral_seed = spiral, spiral_seed

    def read(self) -> Channels:
        return spiral(self.spiral, self.seed if self.spiral_seed is None else self.spiral_seed)

    def report(self) -> dict[str, Any]:
        return super().report() | {"spiral": asdict(self.spiral)}


class Maps(Slice):
    """Maps that a network has made: a directory of tif files, or a preprocessed zarr array.

    Args:
        root: the directory or the array.
        downscale: full-resolution pixels per model pixel; default: what the files say.
    """

    def __init__(
        self,
        root: DirectoryPath,
        downscale: PositiveFloat | None = None,
        least_direction: Share = 0.5,
    ) -> None:
        super().__init__(least_direction)
        self.root, self.downscale = Path(root), downscale

    def read(self) -> Channels:
        return data.read_maps(self.root, self.downscale)


class RawSlice(Slice):
    """Grey slices of a scan; the maps are computed by a structure tensor and a ridge filter.

    Args:
        root: a picture, a TIFF of several pages, a folder with one picture per slice, or OME-Zarr.
        downscale: pixels of the level that is read per model pixel.
        crop: x, y, width, height in pixels of that level; default: everything.
        slices: first, stop and perhaps step along z, as in the file names or the volume.
        level: of an OME-Zarr pyramid, 0 for full resolution.
        pitch: layer distance in pixels of that level; measured when null.
    """

    def __init__(
        self,
        root: FilePath | DirectoryPath,
        downscale: PositiveFloat = 1.0,
        crop: list[NonNegativeInt] | None = None,
        slices: list[NonNegativeInt] | None = None,
        level: NonNegativeInt = 0,
        pitch: PositiveFloat | None = None,
        least_direction: Share = 0.0,
    ) -> None:
        super().__init__(least_direction)
        self.root, self.pitch = Path(root), pitch
        self.part = data.Part(
            downscale, data.crop_of(crop), tuple(slices) if slices else None, level
        )

    def read(self) -> Channels:
        maps_of = partial(structure.channels, pitch=self.pitch)
        return data.read_scan(self.root, self.part, maps_of)


class NetworkSlice(Slice):
    """Grey slices of a scan; the maps are made by a network with a checkpoint.

    Args:
        root: a picture, a TIFF of several pages, a folder with one picture per slice, or OME-Zarr.
        network: from a grey picture to four maps, see `launch.experiments.winding.network`.
        checkpoint: its weights.
        tile: pixels of a side of what the network sees at once.
        downscale, crop, slices, level: as in `RawSlice`.
    """

    def __init__(
        self,
        root: FilePath | DirectoryPath,
        network: nn.Module,
        checkpoint: FilePath,
        tile: PositiveInt = 512,
        downscale: PositiveFloat = 1.0,
        crop: list[NonNegativeInt] | None = None,
        slices: list[NonNegativeInt] | None = None,
        level: NonNegativeInt = 0,
        least_direction: Share = 0.5,
    ) -> None:
        super().__init__(least_direction)
        self.root, self.checkpoint = Path(root), Path(checkpoint)
        self.network, self.tile = network, tile
        self.part = data.Part(
            downscale, data.crop_of(crop), tuple(slices) if slices else None, level
        )

    def read(self) -> Channels:
        model_files.load(self.network, self.checkpoint)
        maps_of = partial(network.channels, network=self.network, tile=self.tile)
        return data.read_scan(self.root, self.part, maps_of)
