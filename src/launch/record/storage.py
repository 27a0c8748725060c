"""How a file is written that someone may read, and how a damaged one is found. Imports no torch.

A file takes the place of another in one step, once it is whole and on the disk. A sealed file ends
with the checksum of what comes before it, so that a flipped bit is found wherever it is copied to.
"""

import errno
import json
import os
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any

from launch.errors import ConfigError, LaunchError

PARTIAL = ".partial"
STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG}
"""What a disk says that is full, damaged, or may not be written to."""

END_OF_ZIP = b"PK\x05\x06"  # then 18 bytes; `torch.save` writes zip files
SEAL = len("crc32 12345678\n")
TAIL = 22 + SEAL


class StorageError(LaunchError):
    """The disk is full or damaged, or a file is not what was written (exit code 3)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=3)


@contextmanager
def replacing(
    path: Path, mode: str = "wb", keep: Path | None = None, flush: bool = True, **options: Any
) -> Iterator[IO[Any]]:
    """A file to write to that takes the place of `path` when it is whole.

    Args:
        keep: gets what `path` was before.
        flush: whether it is on the disk when this ends; else its writer may be `flushing` it.
        options: of `open`.

    Raises:
        OSError: from the disk; `path` is as it was, and nothing else is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    require_space(path)
    try:
        with named(path):
            with partial.open(mode, **options) as file:
                yield file
                file.flush()
                if flush:
                    os.fsync(file.fileno())
            if keep is not None and path.is_file():
                _keep(path, keep)
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def flushing(file: IO[Any]) -> Iterator[None]:
    """What is written so far is on the disk when this ends, which takes as long as the disk does;
    something else can be done meanwhile.

    Raises:
        OSError: from the disk.
    """
    failed: list[OSError] = []

    def flush() -> None:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            failed.append(error)

    file.flush()
    thread = Thread(target=flush)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failed:
        raise failed[0]


@contextmanager
def named(path: Path) -> Iterator[None]:
    """An error of the disk says which file it is about."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def require_space(path: Path) -> None:
    """
    Raises:
        OSError: if there is no room for another file as large as the one that is there.
    """
    needed = path.stat().st_size if path.is_file() else 0
    if needed and shutil.disk_usage(path.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _keep(path: Path, other: Path) -> None:
    """A second name for a file, without a moment at which there is none."""
    spare = other.with_name(f"{other.name}.{os.getpid()}{PARTIAL}")
    spare.unlink(missing_ok=True)
    try:
        os.link(path, spare)
    except OSError:  # a file system without hard links
        path.replace(other)
    else:
        spare.replace(other)
        spare.unlink(missing_ok=True)  # still there if both were the same file, as after a kill


def write(path: Path, content: str | bytes, flush: bool = True) -> None:
    """Replace a file in one step, so that a reader never sees half of it."""
    with replacing(path, flush=flush) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, content: Any, flush: bool = True) -> None:
    write(path, json.dumps(content, indent=2, default=str) + "\n", flush)


def read_json(path: Path) -> dict[str, Any]:
    """Content of a file; empty if there is none.

    Raises:
        ConfigError: if it is not JSON.
    """
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise ConfigError(f"{path} is damaged ({error}); move its folder away") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is damaged: it holds no mapping; move its folder away")
    return content


def append(path: Path, lines: str) -> None:
    """Add lines to a file, on the disk when this returns; half a line, left by a kill, is cut off.

    Raises:
        OSError: from the disk; whole lines stand.
    """
    with named(path), path.open("a+b") as file:
        if end := file.tell():
            file.seek(end - 1)
            if file.read() != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write(lines.encode())
        file.flush()
        os.fsync(file.fileno())


def clean(folder: Path) -> None:
    """Remove what killed writers have left in a run folder, whose lock the caller holds."""
    for place, inner, files in os.walk(folder):
        if Path(place) != folder and ".lock" in files:  # a run of its own
            inner.clear()
            continue
        for name in files:
            if name.endswith(PARTIAL):
                with suppress(OSError):
                    Path(place, name).unlink()


@contextmanager
def optional(what: str) -> Iterator[None]:
    """What is written here is nice to have: if the disk refuses it, that is told and no more."""
    try:
        yield
    except OSError as error:
        print(f"warning: {what} could not be written: {error}", file=sys.stderr, flush=True)


def explained(error: OSError) -> StorageError:
    """What the disk says, in words."""
    place = error.filename or "a file"
    free = ""
    with suppress(OSError):
        free = f", {shutil.disk_usage(Path(place).parent).free / 2**20:.0f} MiB are free"
    return StorageError(
        f"{place}: {error.strerror or error}{free}. What was there before it stands; make room or "
        "mend the disk, then repeat the command"
    )


class Sealed:
    """A file that is being written, which ends with its checksum: CRC-32, which finds every
    flipped bit and costs a tenth of what writing does."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.checksum = file, 0
        self.refused: OSError | None = None

    def write(self, content: Any) -> int:
        self.checksum = zlib.crc32(content, self.checksum)
        try:
            return self.file.write(content)
        except OSError as error:
            self.refused = error  # torch hides it behind an error of its own
            raise

    def flush(self) -> None:
        self.file.flush()

    def seal(self) -> str:
        """End the file; returns its checksum."""
        self.file.write(_seal(self.checksum))
        return f"{self.checksum:08x}"


def _seal(checksum: int) -> bytes:
    return f"crc32 {checksum:08x}\n".encode()


def verify(path: Path) -> str | None:
    """The checksum of a file that holds what was written; other people's files are not sealed.

    Raises:
        StorageError: if it holds something else, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size == 0:
                raise StorageError(f"{path} is empty")
            file.seek(max(0, size - TAIL))
            tail = file.read()
            if not tail.startswith(END_OF_ZIP):
                return None
            file.seek(0)
            found = _seal(_checksum(file, size - SEAL))
    except OSError as error:
        raise explained(error) from error
    if tail[-SEAL:] != found:
        raise StorageError(f"{path} is damaged: its content is not what was written")
    return found.split()[1].decode()


def _checksum(file: IO[bytes], count: int) -> int:
    checksum = 0
    while count > 0 and (content := file.read(min(2**20, count))):
        checksum = zlib.crc32(content, checksum)
        count -= len(content)
    return checksum
