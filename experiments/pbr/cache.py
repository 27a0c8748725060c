"""Decoded materials on disk, at the size they are used, so that a file is decoded once.

One packed array and one small record per material, written in one step each: preparation can be
interrupted at any time and goes on where it was.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from launch.experiments.pbr.categories import Categories
from launch.experiments.pbr.layers import CLEAN, Maps, Material, pack, resize
from launch.experiments.pbr.sources import Entry
from launch.experiments.pbr.textures import UnreadableTextureError
from launch.record import storage

FORMAT = 4
NO_CATEGORY = (
    "has no category: put it into a folder named after one, category/material/map.png, or write a "
    "manifest.csv with the columns file and cls"
)


@dataclass
class Prepared:
    """Materials that can be used, and why others cannot.

    Attributes:
        counts: of categories as found.
        assumed: phrase -> names of the materials of whose files it was assumed.
    """

    materials: list[Material] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    assumed: dict[str, list[str]] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """What was assumed, a sentence each."""
        return [
            f"{phrase}, in {names[0]}" + f" and {len(names) - 1} more" * (len(names) > 1)
            for phrase, names in self.assumed.items()
        ]

    def why_so_few(self) -> str:
        """What was found instead of usable materials, in a sentence."""
        bad = [f"{name}: {why}" for name, why in list(self.bad.items())[:5]]
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        return "; ".join([*bad, *([f"materials by category: {counts}"] if counts else [])])


def prepare(entries: Iterable[Entry], categories: Categories, folder: Path, size: int) -> Prepared:
    """Decode what is not in the cache yet, showing progress; a bad file stops nothing.

    Args:
        folder: of the cache.
        size: longest shorter side in pixels; larger textures are reduced.
    """
    result = Prepared()
    wanted = list(entries)
    for entry in wanted:
        if entry.category is not None:
            result.counts[entry.category] = result.counts.get(entry.category, 0) + 1
        elif entry.domain == CLEAN:
            result.bad[entry.name] = NO_CATEGORY
    usable = [e for e in wanted if is_used(e, categories)]
    missing = [e for e in usable if not place(e, folder, size).with_suffix(".json").is_file()]
    show = track(missing, description="preparing materials") if len(missing) > 16 else missing
    for entry in show:
        store(entry, folder, size)
    for entry in usable:
        _collect(entry, categories, folder, size, result)
    return result


def is_used(entry: Entry, categories: Categories) -> bool:
    """Clean materials need a class; game textures do not."""
    return entry.domain != CLEAN or categories.index(entry.category or "") is not None


def place(entry: Entry, folder: Path, size: int) -> Path:
    """Where a material lies in the cache; another content or size lies elsewhere."""
    key = hashlib.sha256(f"{FORMAT}|{size}|{entry.name}|{entry.stamp}".encode()).hexdigest()
    return folder / key[:2] / key[2:24]


def store(entry: Entry, folder: Path, size: int) -> None:
    """Decode, reduce and write one material, or the reason why it cannot be used."""
    path = place(entry, folder, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    record: dict[str, object]
    try:
        loaded = entry.read()
        packed = pack(reduced(loaded.maps, size))
        with storage.replacing(path.with_suffix(".npy")) as file:
            np.save(file, packed)
        record = {"name": entry.name, "truth": loaded.truth, "derived": loaded.derived}
        record["assumed"] = loaded.assumed
    except (UnreadableTextureError, ValueError, OSError, cv2.error) as error:
        record = {"name": entry.name, "bad": str(error), "passing": is_passing(error)}
    storage.write(path.with_suffix(".json"), json.dumps(record))


def is_passing(error: Exception) -> bool:
    """Whether it is the machine that failed and not the file, which may be read another time."""
    cause: BaseException | None = error
    while cause is not None and not getattr(cause, "errno", None):
        cause = cause.__cause__
    return isinstance(cause, OSError)


def reduced(maps: Maps, size: int) -> Maps:
    """Maps as (H, W, C) floats and (H, W) labels, of a shorter side of at most `size`."""
    height, width = maps["diffuse"].shape[:2]
    shaped: Maps = {
        name: values.astype(np.uint8)
        if name in ("classes", "pseudo")
        else values.astype(np.float32).reshape(height, width, -1)
        for name, values in maps.items()
    }
    scale = min(1.0, size / min(height, width))
    return resize(shaped, round(height * scale), round(width * scale))


def _collect(
    entry: Entry, categories: Categories, folder: Path, size: int, result: Prepared
) -> None:
    path = place(entry, folder, size)
    record = json.loads(path.with_suffix(".json").read_text())
    if "bad" in record:
        result.bad[entry.name] = record["bad"]
        if record.get("passing"):
            path.with_suffix(".json").unlink()
        return
    packed = np.load(path.with_suffix(".npy"), mmap_mode="r")
    category = categories.index(entry.category or "")
    for phrase in record["assumed"]:
        result.assumed.setdefault(phrase, []).append(entry.name)
    truth, derived = tuple(record["truth"]), record["derived"]
    result.materials.append(Material(entry.name, entry.domain, category, packed, truth, derived))
