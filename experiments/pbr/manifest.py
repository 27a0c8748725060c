"""What a conversion has done so far: a line of JSON for each texture, written as it is finished."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launch.record import storage

Record = dict[str, Any]


class Manifest:
    """`manifest.jsonl` of an output folder.

    Args:
        made_by: what made the outputs; records made by something else do not count as finished.
    """

    def __init__(self, folder: Path, made_by: str) -> None:
        self.folder, self.made_by = folder, made_by
        self.path = folder / "manifest.jsonl"
        self.before = {record["file"]: record for record in self._read()}
        self.records: dict[str, Record] = {}

    def _read(self) -> list[Record]:
        """Records of before; a line that was cut in the middle ends them."""
        records: list[Record] = []
        if self.path.is_file():
            for line in self.path.read_text().splitlines():
                try:
                    records.append(json.loads(line))
                except json.JSONDecodeError:
                    break
        return records

    def finished(self, file: str, stamp: str) -> Record | None:
        """The record of a texture that need not be made again."""
        record = self.before.get(file)
        if record is None or record.get("stamp") != stamp or record.get("by") != self.made_by:
            return None
        if not all((self.folder / path).is_file() for path in record["outputs"]):
            return None
        self.records[file] = record
        return record

    def add(self, record: Record) -> None:
        self.records[record["file"]] = record | {"by": self.made_by}
        self.folder.mkdir(parents=True, exist_ok=True)
        storage.append(self.path, json.dumps(self.records[record["file"]]) + "\n")

    def close(self, left_out: Mapping[str, str]) -> list[Record]:
        """Write the textures of this run in order, and what was left out; return the former."""
        records = [self.records[file] for file in sorted(self.records)]
        missing = [{"file": file, "left_out": why} for file, why in sorted(left_out.items())]
        storage.write(self.path, "".join(json.dumps(line) + "\n" for line in [*records, *missing]))
        return records
