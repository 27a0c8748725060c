"""The run folder and `run.json`. A reader needs neither torch nor this package."""

import fcntl
import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from launch.errors import ConfigError, MissingError, nearest
from launch.record import ledger, storage
from launch.record.checksum import SHARDED
from launch.record.ledger import Ledger
from launch.record.origin import here, now, person
from launch.record.storage import read_json

CONF = (Path(__file__).parents[1] / "conf").resolve()
REPOSITORY = CONF.parent
CHECKPOINTS = (".ckpt", ".safetensors", ".pth", ".pt", ".bin", ".th", ".tar")
"""What files with weights are called."""

SECONDS_TO_WAIT_FOR_THE_LOCK = 20.0
STOP = "stop"
"""A file by which anyone who sees the folder asks its run, ladder or sweep to stop."""


@dataclass
class Run:
    """A run folder: `events.jsonl`, `run.json`, `config.yaml`, `metrics.csv`, `checkpoints/`, ...

    It remembers the record as it was read or written last; `reread` looks again.
    """

    folder: Path
    _record: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.folder)

    @property
    def record(self) -> dict[str, Any]:
        """Content of `run.json`, or what follows from the events without it; empty before any.

        Raises:
            ConfigError: if the file is damaged, and there are no events.
        """
        if self._record is None:
            with_events = (self.folder / ledger.FILE).is_file()
            read = ledger.readable if with_events else read_json
            self._record = read(self.folder / "run.json") or Ledger(self.folder).read()
        return self._record

    def reread(self) -> "Run":
        """Forget what `run.json` said, since another process may have written it."""
        self._record = None
        return self

    @property
    def config(self) -> dict[str, Any]:
        """Content of `config.yaml`, the finished configuration.

        Raises:
            ConfigError: if it is not there or damaged.
        """
        path = self.folder / "config.yaml"
        try:
            content = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise ConfigError(f"{path} is damaged: it holds no mapping; train the run again")
        return content

    @property
    def status(self) -> str:
        """As recorded, except that a run that no process works on is not running."""
        status = self.record.get("status", "missing")
        at_work = status in ("running", "waiting")
        return "interrupted" if at_work and not self.is_locked() else status

    @property
    def name(self) -> str:
        """Its experiment, and which of its rungs: `pbr/phase_b/albedo`."""
        names = (self.record.get("experiment"), self.record.get("rung"))
        return "/".join(str(name) for name in names if name)

    @property
    def last(self) -> Path:
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def previous(self) -> Path:
        """The generation before `last`, for when that one turns out to be damaged."""
        return self.folder / "checkpoints" / "previous.ckpt"

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

    @property
    def all_metrics(self) -> dict[str, float]:
        return all_metrics(self.record)

    @property
    def main_metric(self) -> tuple[str, float]:
        """Name and value of what chooses the best; "" and NaN while there is none."""
        name = str((self.record.get("main_metric") or {}).get("name"))
        value = self.all_metrics.get(name)
        return ("", math.nan) if value is None else (name, float(value))

    @property
    def measured(self) -> Path:
        """The checkpoint that `metrics` of `run.json` are of: the last, or the only one left."""
        return self.last if self.last.is_file() else self.checkpoint

    def rung(self, name: str | None = None) -> "Run":
        """The rung of that name, the last one otherwise; the run itself if it has no rungs."""
        rungs = self.record.get("rungs") or []
        if not rungs:
            return self
        return Run(self.folder / str(name if name in rungs else rungs[-1])).rung(name)

    def note(self, event: str, **fields: Any) -> None:
        """Add an event to the ledger, which changes fields of the record. The lock must be held."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._record = self._ledger.append(event, **fields)
        self._write(self._record)

    def _write(self, record: dict[str, Any]) -> None:
        """Not flushed, since it follows from the events, which are."""
        storage.write_json(self.folder / "run.json", record, flush=False)

    def start(self, **fields: Any) -> None:
        """Begin the record: status running, and where the run comes from."""
        record = {
            "status": "running",
            "iteration": 0,
            "metrics": {},
            "gate": None,
            "parents": [],
            **here(),
            "started": now(),
            "ended": None,
        }
        self.note("start", **record | fields)

    def resume(self, **fields: Any) -> None:
        """Go on, perhaps elsewhere and by other code."""
        going = {"status": "running", "error": None, "signal": None, "ended": None}
        self.note("resume", **going | here() | fields)

    def finish(self, status: str, **fields: Any) -> None:
        if status == "completed":
            fields.setdefault("error", None)
        self.note("end", status=status, ended=now(), **fields)

    def show(self, **fields: Any) -> None:
        """Change what `run.json` says until the next event: nothing has happened to the run."""
        self._write(self.record | fields)

    def derive(self) -> "Run":
        """Let `run.json` say what follows from the events, as one who was killed could not."""
        path = self.folder / "run.json"
        self._record = self._ledger.read()
        if not self._record:
            path.unlink(missing_ok=True)
        elif self._record != ledger.readable(path):
            self._write(self._record)
        return self

    def write_config(self, config: dict[str, Any]) -> None:
        """Write `config.yaml` in one step."""
        storage.write(self.folder / "config.yaml", yaml.safe_dump(config, sort_keys=False))

    def ask_to_stop(self) -> None:
        """As SIGTERM does, from wherever the folder is seen: it stops after a checkpoint."""
        (self.folder / STOP).touch()

    def forget_stop(self) -> None:
        (self.folder / STOP).unlink(missing_ok=True)

    @property
    def is_asked_to_stop(self) -> bool:
        return (self.folder / STOP).exists()

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
    def lock(self, patience: float = SECONDS_TO_WAIT_FOR_THE_LOCK) -> Iterator[int]:
        """Hold the folder; the lock dies with the process, and with those it is handed to.

        Args:
            patience: seconds to wait for another process.

        Yields:
            the descriptor to hand on.

        Raises:
            MissingError: if the folder cannot be made.
            ConfigError: if another process keeps it for longer than a checkpoint takes.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = (
                f"{self.folder} cannot be made: {error.strerror}; type run_dir=PATH for another"
            )
            raise MissingError(message) from error
        with (self.folder / ".lock").open("a+") as file:
            deadline = time.monotonic() + patience
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        file.seek(0)
                        who = file.read() or "another process"
                        raise ConfigError(
                            f"{who} is at work in {self.folder}; wait, or stop it with "
                            f"task=cancel run_dir={self.folder}"
                        ) from None
                    time.sleep(0.2)
            file.truncate(0)
            file.write(f"{person()} on {platform.node()} (process {os.getpid()}, since {now()})")
            file.flush()
            storage.clean(self.folder)
            self.derive()
            yield file.fileno()


def all_metrics(record: dict[str, Any]) -> dict[str, float]:
    """The metrics of a record; of a run with rungs those of all, the later ones winning."""
    return record.get("metrics_of_rungs") or record.get("metrics") or {}


def find_runs(root: Path) -> list[Run]:
    """All runs below a folder, oldest first, links followed; one that is damaged is told."""
    runs = []
    seen: set[str] = set()
    for folder, inner, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        inner[:] = [] if real in seen else sorted(set(inner) - {"checkpoints", "images", ".hydra"})
        if {"run.json", ledger.FILE} & {*files} and real not in seen:
            runs.append(Run(Path(folder)))
        seen.add(real)
    return sorted(filter(readable, runs), key=lambda run: str(run.record.get("started", "")))


def readable(run: Run) -> bool:
    try:
        return bool(run.record)
    except ConfigError as error:
        print(f"note: {error.message}", file=sys.stderr)
        return False


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
        if not path.name.lower().endswith((*CHECKPOINTS, SHARDED)):
            raise MissingError(
                f"from={source}: this is no checkpoint; give a run folder or a file of type "
                + ", ".join(CHECKPOINTS)
            )
        folders = [path.resolve().parent, path.resolve().parent.parent]
        return Run(next((f for f in folders if (f / "run.json").is_file()), folders[1])), path
    run = _latest(root, experiment) if source == "latest" else Run(path)
    if not run.record:
        known = [str(other.folder) for other in find_runs(root)]
        files = [p for p in sorted(path.glob("*")) if p.name.endswith((*CHECKPOINTS, SHARDED))]
        guess = f" Give one of its files, such as from={files[-1]}" if files else ""
        guess = guess or nearest(source, known) or " python -m launch task=runs lists the runs"
        raise MissingError(f"from={source}: there is no run or checkpoint.{guess}")
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
