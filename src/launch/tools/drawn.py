"""What runs draw at their start and share, kept so that it is drawn once."""

import hashlib
import inspect
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from launch.record import storage

CACHE = Path("runs/.cache/drawn")

Arrays = dict[str, np.ndarray]


def drawn(draw: Callable[..., Arrays], *settings: object, folder: Path = CACHE) -> Arrays:
    """`draw(*settings)`, read from a file where an earlier run has kept it.

    Its name follows from the settings and from the source of the module of `draw`, so that other
    code draws anew. A file that is damaged or cannot be written only costs the time to draw.

    Args:
        draw: arrays by name, the same whenever the settings are the same.
    """
    module = inspect.getmodule(draw)
    source = inspect.getsource(module) if module else ""
    key = hashlib.sha256(f"{source}|{draw.__qualname__}|{settings!r}".encode()).hexdigest()
    path = folder / f"{key[:24]}.npz"
    try:
        with np.load(path) as kept:
            return dict(kept)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        arrays = draw(*settings)
    with storage.optional(str(path)), storage.replacing(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return arrays
