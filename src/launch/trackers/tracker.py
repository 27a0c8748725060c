"""What all trackers share: who a run is, and its settings."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_warn

from launch.record.run import Run

PLACES = ("run_dir", "runs", "logger", "hydra", "plan", "debug", "resume")
"""Sections that say where things lie, and nothing about what is trained."""

Settings = dict[str, str | int | float | bool]


@runtime_checkable
class TracksPictures(Protocol):
    """A logger that takes pictures."""

    def log_picture(self, picture: np.ndarray, iteration: int) -> None:
        """A picture (H, W, 3) uint8 of a validation."""
        ...


@dataclass(frozen=True)
class Identity:
    """Who a run is in a tracker.

    Attributes:
        id: the same after every resume, and wherever the folder is moved.
        name: experiment, rung, and what was typed for it.
        group: experiment and rung: its seeds and the arms of a sweep have it in common.
    """

    folder: Path
    id: str
    name: str
    group: str
    tags: dict[str, str]

    @classmethod
    def of(cls, run: Run) -> "Identity":
        record = run.record
        group = "/".join(str(record[key]) for key in ("experiment", "rung") if record.get(key))
        typed = [o for o in record.get("overrides") or [] if not o.startswith(("+", "run_dir="))]
        seed = f"seed={record.get('seed')}"
        name = " ".join(dict.fromkeys([group or run.folder.name, *typed, seed]))
        origin = f"{record.get('started')} {group} {run.folder.name}"
        tags = {key: str(record[key]) for key in ("task", "scale", "seed") if key in record}
        digest = hashlib.sha256(origin.encode()).hexdigest()[:16]
        return cls(run.folder.resolve(), digest, name, group, tags)


class Tracker(Protocol):
    """A node of `logger:`; what it logs to is opened when the run is known."""

    def open(self, identity: Identity, settings: Settings, iteration: int) -> Logger:
        """The logger of a run that stands at `iteration`, which is more than 0 after a resume."""
        ...


def only_warning(logger: Logger) -> Logger:
    """The same logger; what goes wrong in it once it is open is told once and ends no training."""
    told: set[str] = set()

    def forgiving(name: str, method: Callable[..., Any]) -> Callable[..., None]:
        def called(*arguments: Any, **options: Any) -> None:
            try:
                method(*arguments, **options)
            except Exception as error:  # libraries and networks fail in their own ways
                if name not in told:
                    told.add(name)
                    rank_zero_warn(f"{type(logger).__name__}.{name} failed: {error!r}")

        return called

    for name in ("log_metrics", "log_picture", "save", "finalize"):
        if hasattr(logger, name):
            setattr(logger, name, forgiving(name, getattr(logger, name)))
    return logger


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Settings by dotted key, without places; what is neither number nor text is text."""
    return dict(_flat({k: v for k, v in config.items() if k not in PLACES}, ""))


def _flat(value: Any, key: str) -> Iterator[tuple[str, str | int | float | bool]]:
    if isinstance(value, Mapping) and value:
        for name, child in value.items():
            yield from _flat(child, f"{key}.{name}" if key else str(name))
    elif key:
        yield key, value if isinstance(value, str | int | float | bool) else str(value)
