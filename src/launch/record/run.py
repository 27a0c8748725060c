"""The run folder and `run.json`. A reader needs neither torch nor this package."""

import fcntl
import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from launch.errors import ConfigError, MissingError, nearest

REPOSITORY = Path(__file__).parents[2]
CONF = REPOSITORY / "conf"
PACKAGES = ("launch", "torch", "lightning", "hydra-core", "numpy", "spandrel", "timm")
SECONDS_TO_WAIT_FOR_THE_LOCK = 20.0


@dataclass
class Run:
    """A run folder: `run.json`, `config.yaml`, `metrics.csv`, `checkpoints/`, `images/`, ..."""

    folder: Path

    @property
    def record(self) -> dict[str, Any]:
        """Content of `run.json`; empty if there is none.

        Raises:
            ConfigError: if the file is not JSON.
        """
        path = self.folder / "run.json"
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path} is damaged ({error}); delete the run folder") from error

    @property
    def status(self) -> str:
        """As recorded, except that a run that no process works on is not running."""
        status = self.record.get("status", "missing")
        return "interrupted" if status == "running" and not self.is_locked() else status

    @property
    def last(self) -> Path:
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        return self.folder / "checkpoints" / "best.ckpt"

    @property
    def checkpoint(self) -> Path:
        """The best checkpoint, or the last where no validation chose one.

        Raises:
            MissingError: if the run has left none.
        """
        for path in (self.best, self.last):
            if path.is_file():
                return path
        raise MissingError(
            f"{self.folder} has no checkpoint (status {self.status}); train it first"
        )

    def rung(self, name: str | None = None) -> "Run":
        """The rung of that name, the last one otherwise; the run itself if it has no rungs."""
        rungs = self.record.get("rungs") or []
        if not rungs:
            return self
        return Run(self.folder / str(name if name in rungs else rungs[-1]))

    def update(self, **fields: Any) -> None:
        """Change fields of `run.json`, atomically."""
        write_json(self.folder / "run.json", self.record | fields)

    def start(self, **fields: Any) -> None:
        """Write the first `run.json`: status running, and where the run comes from."""
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {
            "status": "running",
            "iteration": 0,
            "metrics": {},
            "gate": None,
            "parents": [],
            "git": git_state(),
            "versions": versions(),
            "started": now(),
            "ended": None,
        }
        write_json(self.folder / "run.json", record | fields)

    def finish(self, status: str, **fields: Any) -> None:
        if status == "completed":
            fields.setdefault("error", None)
        self.update(status=status, ended=now(), **fields)

    def is_locked(self) -> bool:
        """Whether a process is at work in the folder."""
        path = self.folder / ".lock"
        if not path.exists():
            return False
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder; the lock dies with the process.

        Raises:
            ConfigError: if another process keeps it for longer than a checkpoint takes.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            deadline = time.monotonic() + SECONDS_TO_WAIT_FOR_THE_LOCK
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        message = f"another process is at work in {self.folder}; wait or stop it"
                        raise ConfigError(message) from None
                    time.sleep(0.2)
            yield


def write_json(path: Path, content: Any) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with partial.open("w") as file:
        json.dump(content, file, indent=2, default=str)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def find_runs(root: Path) -> list[Run]:
    """All runs below a folder, oldest first."""
    runs = [Run(path.parent) for path in root.rglob("run.json")]
    return sorted(runs, key=lambda run: str(run.record.get("started", "")))


def locate(
    source: str, root: Path, experiment: str | None = None, rung: str | None = None
) -> tuple[Run, Path]:
    """The run and the checkpoint that `from=` means: `latest`, a run folder or a `.ckpt` file.

    Of a run with several rungs it is the rung of the given name, otherwise the last one.

    Raises:
        MissingError: if there is no such run, naming the nearest ones.
    """
    path = Path(source)
    if path.is_file():
        return Run(path.resolve().parent.parent), path
    run = _latest(root, experiment) if source == "latest" else Run(path)
    if not run.record:
        known = [str(other.folder) for other in find_runs(root)]
        raise MissingError(f"from={source}: there is no run or checkpoint.{nearest(source, known)}")
    part = run.rung(rung)
    return part, part.checkpoint


def _latest(root: Path, experiment: str | None) -> Run:
    wanted = {"task": "train", "status": "completed"}
    wanted |= {"experiment": experiment} if experiment else {}
    for run in reversed(find_runs(root)):
        record = run.record
        if wanted.items() <= record.items() and not record.get("rung"):
            return run
    what = f"of {experiment}" if experiment else "at all"
    command = f"python -m launch +experiment={experiment or '<name>'}"
    raise MissingError(f"from=latest: no finished run {what} under {root}; train one: {command}")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Python and the packages that decide what a run computes."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> dict[str, Any] | None:
    """Commit and whether the tree differs from it; None outside a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(REPOSITORY), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None
