"""NIH ChestX-ray14, or any folder in its format, split by patient."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from launch.experiments.roi import radiographs
from launch.experiments.roi.findings import Xray, drawn, read_boxes, read_findings
from launch.experiments.roi.loading import Item, XrayData, normalised
from lightning.pytorch.utilities import rank_zero_warn
from PIL import Image
from pydantic import DirectoryPath, Field, FilePath, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch.utils.data import Dataset

from launch.errors import ConfigError, MissingError
from launch.train.data import Key

Fraction = Annotated[float, Field(gt=0, lt=1)]

NAMED_AT_MOST = 10
BOX_LISTS = ("BBox_List_2017.csv", "bboxes.csv")


class XrayFiles(Dataset[Item]):
    """Images read when asked for, and kept as bytes while there is room."""

    def __init__(
        self, xrays: Sequence[Xray], paths: dict[str, Path], size: int, gigabytes: float
    ) -> None:
        self.xrays, self.paths, self.size = list(xrays), paths, size
        self.kept: dict[int, np.ndarray] = {}
        self.room = int(gigabytes * 1e9 / size**2)

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
        if index in self.kept:
            return self.kept[index]
        image = radiographs.resized(radiographs.read(self.paths[self.xrays[index].name]), self.size)
        pixels = np.rint(image * 255).astype(np.uint8)
        if len(self.kept) < self.room:
            self.kept[index] = pixels
        return pixels


class NIHXrays(XrayData):
    """Images with findings from a CSV, and boxes around some of them for evaluation.

    A patient is in one part only: the test images are those of `test_list`, and a share of the
    other patients, chosen by a hash of their number, is validated on. Images that are missing or
    no images are left out and named.

    Args:
        root: folder where everything is looked for that is not given.
        train_csv: `Data_Entry_2017.csv`, or a CSV with columns `image` and `labels`.
        image_root: folder with the images, at any depth.
        bbox_csv: `BBox_List_2017.csv`, or columns file, label, x, y, w, h in pixels of the files.
        train_list, test_list: files with an image name per line.
        validation_fraction: share of the patients that are not tested on.
        memory_gigabytes: decoded images kept, per process.
        max_bad_fraction: share of missing or damaged files above which to stop.
        evaluate: what is validated on.
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
        batch_size: PositiveInt = 24,
        workers: NonNegativeInt = 6,
        prefetch_factor: PositiveInt | None = 4,
        persistent_workers: bool = True,
        memory_gigabytes: NonNegativeFloat = 8.0,
        max_bad_fraction: Annotated[float, Field(ge=0, le=1)] = 0.01,
        evaluate: Literal["validation", "test"] = "validation",
    ) -> None:
        super().__init__(batch_size, workers, prefetch_factor, persistent_workers, evaluate)
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

    def given_or(self, given: Path | None, *names: str) -> Path | None:
        """The given file, or the first of the names that is in the root."""
        if given is not None:
            return Path(given)
        return next((self.root / name for name in names if (self.root / name).is_file()), None)

    def load(self, stage: str) -> None:
        if not self.train_csv.is_file():
            raise MissingError(f"there is no {self.train_csv}; point data.train_csv to the labels")
        xrays = read_findings(self.train_csv, self.labels)
        paths = {path.name: path for path in radiographs.find(self.image_root)}
        xrays = self.with_boxes(self.usable(xrays, paths), paths)
        self.parts = self.split(xrays)
        for part in ("train", self.evaluate):
            if not self.parts.get(part):
                raise MissingError(
                    f"{self.train_csv} gives no {part} image; check data.test_list, "
                    "data.train_list and data.validation_fraction"
                )
        self.warn_of_empty_labels()
        if stage == "fit":
            self.train_set = self.files("train", paths)
        self.validation_set = self.files(self.evaluate, paths)

    def files(self, part: str, paths: dict[str, Path]) -> XrayFiles:
        return XrayFiles(self.parts[part], paths, self.img_size, self.memory_gigabytes)

    def usable(self, xrays: list[Xray], paths: dict[str, Path]) -> list[Xray]:
        """Those whose image is there and begins like one.

        Raises:
            MissingError: if too many are not.
        """
        with ThreadPoolExecutor(8) as pool:
            there = [paths.get(xray.name) for xray in xrays]
            fine = list(pool.map(lambda p: p is not None and radiographs.is_image(p), there))
        self.skipped = [
            f"{x.name} ({'missing' if p is None else 'no image'})"
            for x, p, ok in zip(xrays, there, fine, strict=True)
            if not ok
        ]
        if not self.skipped:
            return xrays
        names = ", ".join(self.skipped[:NAMED_AT_MOST])
        message = f"{len(self.skipped)} of {len(xrays)} images are of no use: {names}"
        if len(self.skipped) > self.max_bad_fraction * len(xrays):
            raise MissingError(
                f"{message}; images are looked for below {self.image_root} "
                "(data.image_root); mend them, or raise data.max_bad_fraction"
            )
        rank_zero_warn(f"{message}; they are left out")
        return [x for x, ok in zip(xrays, fine, strict=True) if ok]

    def with_boxes(self, xrays: list[Xray], paths: dict[str, Path]) -> list[Xray]:
        if self.bbox_csv is None:
            return xrays
        sizes = {x.name: size_of(paths[x.name]) for x in xrays}
        boxes = read_boxes(self.bbox_csv, sizes)
        return [replace(x, boxes=boxes.get(x.name, [])) for x in xrays]

    def split(self, xrays: list[Xray]) -> dict[str, list[Xray]]:
        """Train, validation and test; no patient is in two of them.

        Raises:
            ConfigError: if the lists share a patient.
        """
        test_names, train_names = read_list(self.test_list), read_list(self.train_list)
        test = [x for x in xrays if x.name in test_names]
        rest = [x for x in xrays if x.name not in test_names]
        if train_names:
            rest = [x for x in rest if x.name in train_names]
        shared = sorted({x.patient for x in test} & {x.patient for x in rest})
        if shared:
            raise ConfigError(
                f"{len(shared)} patients are both tested and trained on, such as "
                f"{', '.join(shared[:3])}; {self.test_list} must hold all images of a patient "
                "or none"
            )
        held = hold_out(sorted({x.patient for x in rest}), self.validation_fraction)
        return {
            "train": [x for x in rest if x.patient not in held],
            "validation": [x for x in rest if x.patient in held],
            "test": test,
        }

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
        }


def hold_out(patients: Sequence[str], fraction: float) -> set[str]:
    """A share of the patients, at least one; each keeps its place when others come and go."""
    ranked = sorted(patients, key=lambda p: hashlib.sha256(p.encode()).digest())
    return set(ranked[: max(1, round(fraction * len(ranked)))])


def read_list(path: Path | None) -> set[str]:
    """The names in a file with one per line; empty without a file."""
    return set() if path is None else set(path.read_text().split())


def size_of(path: Path) -> tuple[int, int]:
    """(width, height) from the header."""
    if path.suffix.lower() == ".dcm":
        return radiographs.read(path).shape[::-1]  # type: ignore[return-value]
    with Image.open(path) as image:
        return image.size
