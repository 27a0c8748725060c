"""What a run trains, apart from where it lies: the one answer to "is this my run?". No torch."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any

from launch.errors import ConfigError
from launch.record.run import Run

Config = dict[str, Any]

APART = {
    "run_dir": "a place",
    "runs": "a place",
    "input": "a place: what is read",
    "output": "a place: what is written",
    "logger": "a place: who else is told",
    "debug": "what is printed",
    "plan": "what is printed",
    "predict": "how a finished run is applied",
    "watch": "what is shown",
    "search": "who chooses the values",
    "extend": "what to do with the jobs of a sweep",
    "accept": "what may have changed on a resume; what has is recorded",
    "step": "which part of a ladder a process climbs",
    "needs": "what to do if a parent is missing; the parent itself counts",
    "trainer.keep_optimizer": "what a completed run leaves",
    "trainer.stop_within": "when a signal ends it, not what is trained",
    "trainer.loader_timeout": "when a standstill ends it, not what is trained",
    "trainer.accelerator": "another device gives the same training, up to rounding",
}
"""Keys that are not part of what a run trains, each with the reason."""

SHOWN = 6


class Standing(Enum):
    """What a folder holds for the one who wants to train there."""

    FREE = auto()
    STOPPED = auto()
    COMPLETED = auto()


def identity(config: Config, parents: Mapping[str, str]) -> str:
    """Digest of a finished configuration without its places, and of what it starts from.

    Args:
        parents: reference, as it stands in the configuration, -> identity of the run it means.
    """
    content = json.dumps([trained(config), dict(parents)], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def trained(config: Config) -> Config:
    """A configuration without the keys of `APART`."""
    kept = {key: value for key, value in config.items() if key not in APART}
    for key in APART:
        section, _, inner = key.partition(".")
        if inner and isinstance(kept.get(section), dict):
            kept[section] = {k: v for k, v in kept[section].items() if k != inner}
    return kept


def standing(run: Run, digest: str, config: Config) -> Standing:
    """Whether a folder is free for a training, holds it stopped, or holds it completed.

    Raises:
        ConfigError: if it holds another training, naming what differs.
    """
    if not holds_training(run):
        return Standing.FREE
    if run.record.get("identity") != digest:
        require_same(run, config)
        raise ConfigError(
            f"{run.folder} was trained from other checkpoints than those it would start from now: "
            f"{', '.join(str(p.get('folder')) for p in run.record.get('parents', [])) or 'none'}. "
            "Delete it, or choose another run_dir"
        )
    return Standing.COMPLETED if run.status == "completed" else Standing.STOPPED


def holds_training(run: Run) -> bool:
    """Whether there is a training in a folder that another must not be mixed up with."""
    return run.record.get("task") == "train" and (run.status == "completed" or run.last.is_file())


def require_same(run: Run, config: Config) -> None:
    """
    Raises:
        ConfigError: if a folder holds a training of another configuration.
    """
    found = list(differences(trained(run.config), trained(config))) if holds_training(run) else []
    if found:
        more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        raise ConfigError(
            f"{run.folder} holds another run ({run.status}), made with {run.record.get('command')}"
            f"\n  it differs in {', '.join([*found[:SHOWN], *more])}\n"
            f"choose another run_dir, or continue that one with resume={run.folder}"
        )


def differences(there: Any, here: Any, key: str = "") -> Iterator[str]:
    """`seed (0 there, 2 here)` for every leaf that two configurations do not share."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in sorted({*there, *here}, key=str):
            inner = f"{key}.{name}" if key else str(name)
            yield from differences(there.get(name), here.get(name), inner)
    elif json.loads(json.dumps(here, default=str)) != there:
        yield f"{key} ({there} there, {here} here)"
