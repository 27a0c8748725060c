"""NIH ChestX-ray14, CheXpert, MIMIC, or any folder in their formats, split by patient."""

import hashlib
import mmap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_warn
from pydantic import DirectoryPath, Field, FilePath, NonNegativeFloat, PositiveInt
from torch.utils.data import Dataset

from launch.errors import ConfigError, MissingError
from launch.experiments.roi import inspection, radiographs
from launch.experiments.roi.findings import (
    Xray,
    drawn,
    read_boxes,
    read_findings,
    refuse_repeated,
)
from launch.experiments.roi.loading import Item, XrayData, normalised
from launch.experiments.roi.lookup import FileIndex
from launch.tools.split import hold_out
from launch.train.data import Key

Fraction = Annotated[float, Field(gt=0, lt=1)]

NAMED_AT_MOST = 10
BOX_LISTS = ("BBox_List_2017.csv", "bboxes.csv")


class Kept:
    """Decoded images (S, S) uint8 in memory that all loader processes of a rank share.

    Processes are forked and see the same memory. One that is started anew gets none of it and
    decodes every time, which is slower and no wrong.

    Args:
        gigabytes: at most so much is taken, by the images that ask first.
    """

    def __init__(self, size: int, count: int, gigabytes: float) -> None:
        self.room = min(count, int(gigabytes * 1e9 / size**2))
        self.memory = mmap.mmap(-1, max(1, self.room * (size**2 + 1)))
        shape = (self.room, size, size)
        self.pixels = np.frombuffer(self.memory, np.uint8, self.room * size**2).reshape(shape)
        self.filled = np.frombuffer(self.memory, np.bool_, self.room, self.room * size**2)
        self.size = size

    def __reduce__(self) -> tuple[Any, ...]:
        return Kept, (self.size, 0, 0.0)

    def get(self, place: int) -> np.ndarray | None:
        return self.pixels[place] if place < self.room and self.filled[place] else None

    def put(self, place: int, pixels: np.ndarray) -> None:
        if place < self.room:
            self.pixels[place] = pixels
            self.filled[place] = True


class XrayFiles(Dataset[Item]):
    """Images read when asked for, and kept while there is room.

    Args:
        first: place of the first image among those kept.
    """

    def __init__(self, xrays: Sequence[Xray], size: int, kept: Kept, first: int = 0) -> None:
        self.xrays, self.size = list(xrays), size
        self.kept, self.first = kept, first

    def __len__(self) -> int:
        return len(self.xrays)

    def __getitem__(self, key: Key | int) -> Item:
        index = key[1] if isinstance(key, tuple) else key
        xray = self.xrays[index]
        image = normalised(self.pixels(index).astype(np.float32) / 255)
        region = drawn(xray.boxes, self.size)
        return {
            "image": torch.from_numpy(image)[None],
            "labels": torch.from_numpy(xray.labels),
            "regions": torch.from_numpy(region)[None],
        }

    def pixels(self, index: int) -> np.ndarray:
        """(S, S) uint8."""
        pixels = self.kept.get(self.first + index)
        if pixels is None:
            whole = radiographs.read(self.xrays[index].path).brightness
            pixels = np.rint(radiographs.resized(whole, self.size) * 255).astype(np.uint8)
            self.kept.put(self.first + index, pixels)
        return pixels


class NIHXrays(XrayData):
    """Images with findings from a CSV, and boxes around some of them for evaluation.

    A patient is in one part only: the test images are those of `test_list`, and a share of the
    other patients, chosen by a hash of their number, is validated on. Images that are missing,
    meant by no one row, or no images are left out and named.

    Args:
        root: folder where everything is looked for that is not given.
        train_csv: `Data_Entry_2017.csv`, or another CSV that `findings.read_findings` knows.
        image_root: folder with the images, at any depth; paths in CSVs may begin at any of its
            folders, or above it.
        bbox_csv: `BBox_List_2017.csv`, or columns file, label, x, y, w, h in pixels of the files.
        train_list, test_list: files with an image name per line.
        validation_fraction: share of the patients that are not tested on.
        memory_gigabytes: decoded images kept, by all loader processes of a rank together.
        max_bad_fraction: share of missing or damaged files above which to stop.
        others: as in `XrayData`.
    """

    def __init__(
        self,
        root: DirectoryPath,
        labels: list[str],
        train_csv: FilePath | None = None,
        image_root: DirectoryPath | None = None,
        bbox_csv: FilePath | None = None,
        train_list: FilePath | None = None,
        test_list: FilePath | None = None,
        validation_fraction: Fraction = 0.1,
        img_size: PositiveInt = 224,
        memory_gigabytes: NonNegativeFloat = 8.0,
        max_bad_fraction: Annotated[float, Field(ge=0, le=1)] = 0.01,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.root, self.labels, self.img_size = Path(root), labels, img_size
        self.train_csv = Path(train_csv or self.root / "Data_Entry_2017.csv")
        self.image_root = Path(image_root or self.root)
        self.bbox_csv = self.given_or(bbox_csv, *BOX_LISTS)
        self.train_list = self.given_or(train_list, "train_val_list.txt")
        self.test_list = self.given_or(test_list, "test_list.txt")
        self.validation_fraction = validation_fraction
        self.memory_gigabytes, self.max_bad_fraction = memory_gigabytes, max_bad_fraction
        self.parts: dict[str, list[Xray]] = {}
        self.skipped: list[str] = []
        self.notes: list[str] = []

    def given_or(self, given: Path | None, *names: str) -> Path | None:
        """The given file, or the first of the names that is in the root."""
        if given is not None:
            return Path(given)
        return next((self.root / name for name in names if (self.root / name).is_file()), None)

    def load(self, stage: str) -> None:
        if not self.train_csv.is_file():
            raise MissingError(f"there is no {self.train_csv}; point data.train_csv to the labels")
        xrays, self.notes = read_findings(self.train_csv, self.labels)
        index = FileIndex(self.image_root, radiographs.find(self.image_root))
        xrays = self.usable(xrays, index)
        refuse_repeated(self.train_csv, xrays)
        self.parts = self.split(self.with_boxes(xrays, index), index)
        for part in ("train", self.evaluate):
            if not self.parts.get(part):
                raise MissingError(
                    f"{self.train_csv} gives no {part} image; check data.test_list, "
                    "data.train_list and data.validation_fraction"
                )
        for note in self.notes:
            rank_zero_warn(note)
        self.warn_of_empty_labels()
        train, held = self.parts["train"], self.parts[self.evaluate]
        kept = Kept(self.img_size, len(train) + len(held), self.memory_gigabytes)
        if stage == "fit":
            self.train_set = XrayFiles(train, self.img_size, kept)
        self.validation_set = XrayFiles(held, self.img_size, kept, len(train))

    def usable(self, xrays: list[Xray], index: FileIndex) -> list[Xray]:
        """Those whose image is there and begins like one, with their files.

        Raises:
            MissingError: if too many are not.
        """
        with ThreadPoolExecutor(8) as pool:
            meant = [index.find(xray.name) for xray in xrays]
            reasons = list(pool.map(self.fault, meant))
        self.skipped = [f"{x.name} ({why})" for x, why in zip(xrays, reasons, strict=True) if why]
        if self.skipped:
            names = ", ".join(self.skipped[:NAMED_AT_MOST])
            message = f"{len(self.skipped)} of {len(xrays)} images are of no use: {names}"
            if len(self.skipped) > self.max_bad_fraction * len(xrays):
                raise MissingError(
                    f"{message}; images are looked for below {self.image_root} "
                    "(data.image_root); mend them, or raise data.max_bad_fraction"
                )
            self.notes.append(f"{message}; they are left out")
        chosen = zip(xrays, meant, reasons, strict=True)
        return [replace(x, path=files[0]) for x, files, why in chosen if not why]

    def fault(self, files: Sequence[Path]) -> str:
        """Why a row has no image; empty if it has."""
        if not files:
            return "missing"
        if len(files) > 1:
            found = " and ".join(p.relative_to(self.image_root).as_posix() for p in files[:2])
            return f"{len(files)} files have this name, such as {found}; write their paths"
        return "" if radiographs.is_image(files[0]) else "no image"

    def with_boxes(self, xrays: list[Xray], index: FileIndex) -> list[Xray]:
        if self.bbox_csv is None:
            return xrays
        boxes = read_boxes(self.bbox_csv, index.find, radiographs.size_of)
        return [replace(x, boxes=boxes.get(x.path, [])) for x in xrays]

    def split(self, xrays: list[Xray], index: FileIndex) -> dict[str, list[Xray]]:
        """Train, validation and test; no patient is in two of them.

        Raises:
            ConfigError: if the lists share a patient.
        """
        tested, trained = (self.listed(path, index) for path in (self.test_list, self.train_list))
        test = [x for x in xrays if x.path in tested]
        rest = [x for x in xrays if x.path not in tested and (x.path in trained or not trained)]
        shared = sorted({x.patient for x in test} & {x.patient for x in rest})
        if shared:
            raise ConfigError(
                f"{len(shared)} patients are both tested and trained on, such as "
                f"{', '.join(shared[:3])}; {self.test_list} must hold all images of a patient "
                "or none"
            )
        held = hold_out((x.patient for x in rest), self.validation_fraction) if rest else set()
        return {
            "train": [x for x in rest if x.patient not in held],
            "validation": [x for x in rest if x.patient in held],
            "test": test,
        }

    def listed(self, path: Path | None, index: FileIndex) -> set[Path]:
        """The files that a list with a name per line means; none without a list.

        Raises:
            MissingError: if none of its names is that of a file.
        """
        names = [] if path is None else [line.strip() for line in path.read_text().splitlines()]
        meant = {name: index.find(name) for name in names if name}
        unknown = [name for name, files in meant.items() if not files]
        if unknown and len(unknown) == len(meant):
            raise MissingError(f"{path}: no image has a name of this list, such as {unknown[0]}")
        if unknown:
            self.notes.append(f"{path}: {len(unknown)} of {len(meant)} images are not there")
        return {file for files in meant.values() for file in files}

    def warn_of_empty_labels(self) -> None:
        counts = np.sum([x.labels for x in self.parts["train"]], axis=0)
        empty = [name for name, count in zip(self.labels, counts, strict=True) if not count]
        if empty:
            rank_zero_warn(f"no training image shows {', '.join(empty)}; they cannot be learnt")

    def fingerprint(self) -> str:
        """Of the names and labels of all images in use, part by part."""
        lines = [
            f"{part} {x.name} {x.labels.tolist()}" for part, xs in self.parts.items() for x in xs
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def report(self) -> dict[str, Any]:
        return {
            "evaluated_on": self.evaluate,
            "images": {part: len(xs) for part, xs in self.parts.items()},
            "patients": {part: len({x.patient for x in xs}) for part, xs in self.parts.items()},
            "with_boxes": {part: sum(bool(x.boxes) for x in xs) for part, xs in self.parts.items()},
            "skipped_images": len(self.skipped),
            "skipped": self.skipped[:NAMED_AT_MOST],
            "notes": self.notes[:NAMED_AT_MOST],
        }

    def inspect(self, folder: Path) -> list[str]:
        """What was found, how it is read, what is assumed and what is left out, a line each.

        Args:
            folder: gets a contact sheet per part, with a histogram below every image.
        """
        self.setup("fit")
        used = {x.path for xrays in self.parts.values() for x in xrays}
        unused = [p for p in radiographs.find(self.image_root) if p not in used]
        lines = [f"{self.train_csv}: {sum(map(len, self.parts.values()))} images in use"]
        for part, xrays in self.parts.items():
            if xrays:
                lines += [f"{part}: {line}" for line in inspection.described(xrays, self.labels)]
                inspection.draw(xrays, folder / f"{part}.png")
        if unused:
            lines.append(f"left out: {len(unused)} images that no row names, such as {unused[0]}")
        return [*lines, *self.notes]
