"""MatSynth (Vecchio and Deschaintre, CVPR 2024) from files that were downloaded before.

Parquet shards, or the arrow files of a saved `datasets` folder: a row is a material, a column one
of its maps as the bytes of a picture. There is no ambient occlusion, and normals are OpenGL.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import DirectoryPath

from launch.errors import MissingError
from launch.experiments.pbr import textures
from launch.experiments.pbr.decoding import Loaded, assumed, complete, unite
from launch.experiments.pbr.layers import CLEAN
from launch.experiments.pbr.sources import Entry
from launch.experiments.pbr.textures import Texture, UnreadableTextureError
from launch.record import storage
from launch.tools.names import files_below, inside

MAPS = {
    "basecolor": "albedo",
    "diffuse": "diffuse",
    "normal": "normal_gl",
    "height": "height",
    "roughness": "roughness",
    "metallic": "metallic",
}
CATEGORIES = [
    *("ceramic", "concrete", "fabric", "ground", "leather", "marble", "metal", "misc"),
    *("plaster", "plastic", "stone", "terracotta", "wood"),
]
BUFFER = 1 << 20  # bytes of a shard that are read at once, instead of a whole row group
Row = dict[str, Any]


class MatSynth:
    """Materials of the data set in a folder of shards; nothing is downloaded.

    Args:
        root: of `*.parquet` or `*.arrow` files, at any depth.
    """

    def __init__(self, root: DirectoryPath) -> None:
        self.root = Path(root)
        self.notes: list[str] = []

    def entries(self) -> list[Entry]:
        """
        Raises:
            MissingError: if pyarrow is not installed, or there is no shard.
        """
        paths = [p for p in files_below(self.root) if p.suffix in (".parquet", ".arrow")]
        if not paths:
            raise MissingError(f"{self.root} has no parquet or arrow files of MatSynth")
        licences: Counter[str] = Counter()
        found = [entry for path in paths for entry in self._shard(Shard(path), licences)]
        said = ", ".join(f"{name} {count}" for name, count in licences.most_common())
        self.notes = [f"licences of MatSynth: {said}"] if said else []
        return found

    def _shard(self, shard: "Shard", licences: Counter[str]) -> Iterator[Entry]:
        status = shard.path.stat()
        for place, row in enumerate(shard.rows(["name", "category", "metadata"])):
            licence = (row.get("metadata") or {}).get("license")
            licences.update([str(licence)] if licence else [])
            category = row.get("category")
            named = shard.categories[category] if isinstance(category, int) else category
            name = f"{named}/{row['name']}"
            stamp = f"{shard.path.name}|{status.st_size}|{status.st_mtime_ns}|{place}"
            yield Entry(name, CLEAN, named, stamp, partial(shard.material, place, name))


@dataclass
class Shard:
    """One file. Its rows are read in order, one at a time: they may be 100 MB each."""

    path: Path
    _stream: Iterator[Row] = field(default_factory=lambda: iter(()))
    _next: int = 0

    def material(self, place: int, name: str) -> Loaded:
        """
        Raises:
            UnreadableTextureError: if a picture is damaged, or has another shape than the others.
        """
        row = self.row(place)
        files = {kind: Path(f"{name}/{column}") for column, kind in MAPS.items() if row.get(column)}
        stored = {kind: self.texture(row[path.name], path) for kind, path in files.items()}
        loaded = complete(unite(stored, files, "opengl"), diffuse_is_albedo=False, key=name)
        loaded.assumed = assumed(stored)
        return loaded

    def texture(self, stored: Row, path: Path) -> Texture:
        """A picture as bytes in the row, or as a file beside the shard.

        Args:
            path: what it is called.

        Raises:
            UnreadableTextureError: if it is damaged, or its file is not there.
        """
        content = stored.get("bytes")
        if content is not None:
            with TemporaryDirectory() as folder:
                file = Path(folder) / path.name
                storage.write(file, content, flush=False)
                return textures.stored(file)
        if stored.get("path"):
            return textures.stored(inside(self.path.parent, stored["path"], self.path))
        raise UnreadableTextureError(path, "has neither bytes nor a path")

    def row(self, place: int) -> Row:
        """A row; going back begins the file anew."""
        if place < self._next or self._next == 0:
            self._stream, self._next = self.rows(list(MAPS)), 0
        while self._next < place:
            next(self._stream)
            self._next += 1
        self._next += 1
        return next(self._stream)

    def rows(self, wanted: list[str]) -> Iterator[Row]:
        """All rows, with those of the wanted columns that there are."""
        columns = [name for name in wanted if name in self.schema.names]
        if self.path.suffix == ".arrow":
            with arrow("ipc").open_stream(self.path) as stream:
                for batch in stream:
                    for place in range(batch.num_rows):
                        yield batch.select(columns).slice(place, 1).to_pylist()[0]
            return
        file = arrow("parquet").ParquetFile(self.path, buffer_size=BUFFER, pre_buffer=False)
        for batch in file.iter_batches(1, columns=columns, use_threads=False):
            yield batch.to_pylist()[0]

    @property
    def schema(self) -> Any:
        if self.path.suffix == ".arrow":
            return arrow("ipc").open_stream(self.path).schema
        return arrow("parquet").read_schema(self.path)

    @property
    def categories(self) -> list[str]:
        """Names of the numbered categories, which `datasets` writes into the schema."""
        metadata: Mapping[bytes, bytes] = self.schema.metadata or {}
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {})
        return features.get("features", {}).get("category", {}).get("names") or CATEGORIES


def arrow(part: str) -> Any:
    """A module of pyarrow.

    Raises:
        MissingError: if it is not installed.
    """
    try:
        return import_module(f"pyarrow.{part}")
    except ImportError as error:
        raise MissingError(
            "MatSynth is stored as parquet, which needs pyarrow: pip install 'launch[matsynth]'"
        ) from error
