"""Names of files that go in, and of what comes out for them."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

from launch.errors import ConfigError


def distinct_names(files: Sequence[PurePath]) -> list[str]:
    """A name without suffix for each file, as POSIX; with it where two would be the same.

    >>> distinct_names([PurePath("a/x.png"), PurePath("b/x.png"), PurePath("b/x.dcm")])
    ['a/x', 'b/x.png', 'b/x.dcm']
    """
    short = [file.with_suffix("").as_posix() for file in files]
    counts = Counter(name.casefold() for name in short)
    return [
        name if counts[name.casefold()] == 1 else file.as_posix()
        for name, file in zip(short, files, strict=True)
    ]


def files_below(root: Path, hidden: bool = False) -> list[Path]:
    """Everything below a folder that is no folder, by name, without what is hidden unless asked.

    Folders that are links are entered, each real one once; a link to nothing is listed, so that
    reading it tells.
    """
    found, entered = [], {os.path.realpath(root)}
    for folder, folders, files in os.walk(root, followlinks=True):
        shown = [name for name in sorted(folders) if hidden or not name.startswith(".")]
        real = {name: os.path.realpath(os.path.join(folder, name)) for name in shown}
        folders[:] = [name for name in shown if real[name] not in entered]
        entered.update(real.values())
        found += [Path(folder, name) for name in files if hidden or not name.startswith(".")]
    return sorted(found)


def inside(root: Path, name: str, source: Path) -> Path:
    """A file that a list names, below the folder that the list speaks of.

    Raises:
        ConfigError: if the name leads out of that folder.
    """
    path = Path(os.path.normpath(root / name))
    if not path.is_relative_to(os.path.normpath(root)):
        raise ConfigError(f"{source} names {name!r}, which lies outside of {root}")
    return path


def refuse_overlap(source: Path, destination: Path) -> None:
    """
    Raises:
        ConfigError: if what is written could replace what is read, or be read the next time.
    """
    read, written = source.resolve(), destination.resolve()
    if read.is_relative_to(written):
        where = "is the input" if read == written else "holds the input"
    elif written.is_relative_to(read):
        where = "lies inside the input"
    else:
        return
    raise ConfigError(f"output={destination} {where} {source}; choose a folder beside it")


def set_aside(path: Path) -> Path:
    """Rename a file to the first free `NAME.1.suffix`, `NAME.2.suffix`, ...; returns that."""
    numbers = range(1, 10_000)
    free = (path.with_name(f"{path.stem}.{n}{path.suffix}") for n in numbers)
    target = next(candidate for candidate in free if not candidate.exists())
    return path.rename(target)
