"""`events.jsonl`: what has happened to a run, a line each, which nobody changes. Imports no torch.

    {"event": "start", "at": "2026-01-31T09:00:00+00:00", "experiment": "sr/static", "seed": 0, ...}
    {"event": "checkpoint", "at": "...", "iteration": 400, "checkpoint": {"file": "last.ckpt", ...}}
    {"event": "resume", "at": "...", "host": "node7", "typed": "python -m launch resume=...", ...}

The record in `run.json` follows from it: a start begins the record, every later event changes the
fields that it names. Only who holds the lock of the run folder appends.
"""

import json
import sys
from pathlib import Path
from typing import Any

from launch.errors import ConfigError
from launch.record import storage
from launch.record.origin import now

FILE = "events.jsonl"
BEFORE = "before"
"""The first event of a folder whose record was kept without a ledger: that record."""

Fields = dict[str, Any]


class Ledger:
    """The events of a run folder, and the record that follows from those read so far.

    Attributes:
        record: empty if nothing has happened, None before anything is read.
        end: of the last whole line that was read, in bytes. What follows it was being written
            when its process was killed; the next event takes its place.
    """

    def __init__(self, folder: Path) -> None:
        self.copy, self.path = folder / "run.json", folder / FILE
        self.record: Fields | None = None
        self.end = 0

    def read(self) -> Fields:
        """The record after all that has happened.

        Raises:
            ConfigError: if there are no events, and `run.json` is damaged.
        """
        if not self.path.is_file():
            found = storage.read_json(self.copy) if self.record is None else self.record
        else:
            found = self.record or {}
            with self.path.open("rb") as file:
                file.seek(self.end)
                for line in whole_lines(file.read()):
                    self.end += len(line) + 1
                    found = self._after(found, parsed(line))
        self.record = found
        return found

    def _after(self, record: Fields, event: Fields | None) -> Fields:
        if event is None:
            print(f"note: {self.path} is damaged; {self.copy} stands for a line", file=sys.stderr)
            return record | readable(self.copy)
        fields = {key: value for key, value in event.items() if key not in ("event", "at")}
        return fields if event["event"] == "start" else record | fields

    def append(self, event: str, **fields: Any) -> Fields:
        """Add an event; returns the record after it.

        Raises:
            OSError: from the disk.
        """
        before = self.read()
        is_first = not self.path.is_file() and event != "start"
        added = [(BEFORE, before)] * bool(before and is_first) + [(event, fields)]
        lines = [json.dumps({"event": e, "at": now(), **f}, default=str) + "\n" for e, f in added]
        storage.append(self.path, "".join(lines))
        return self.read()


def events(folder: Path) -> list[Fields]:
    """All that has happened in a run folder, the first first, without what is damaged."""
    path = folder / FILE
    lines = whole_lines(path.read_bytes()) if path.is_file() else []
    return [event for event in map(parsed, lines) if event is not None]


def whole_lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]


def parsed(line: bytes) -> Fields | None:
    """An event, or None if the line is damaged."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def readable(path: Path) -> Fields:
    """Content of a JSON file; empty if it is damaged or not there."""
    try:
        return storage.read_json(path)
    except ConfigError:
        return {}
