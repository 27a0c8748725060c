"""The checkpoints that a run starts from, and its own copies of them. No torch."""

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from launch.errors import MissingError
from launch.record import storage
from launch.record.checksum import sha256
from launch.record.run import Run


@dataclass(frozen=True)
class Parent:
    """A checkpoint that a run starts from, as `run.json` records it."""

    folder: str
    checkpoint: str
    sha256: str
    identity: str

    @classmethod
    def of(cls, run: Run, checkpoint: Path) -> "Parent":
        """
        Raises:
            MissingError: if the best checkpoint is not the one that its run has recorded.
        """
        checksum = sha256(checkpoint)
        recorded = (run.record.get("best") or {}).get("sha256", checksum)
        if checkpoint.resolve() == run.best.resolve() and recorded != checksum:
            raise MissingError(
                f"{checkpoint} is not the file that its run recorded (sha256 {checksum[:12]}, "
                f"recorded {recorded[:12]}); train {run.folder} again"
            )
        known = str(run.record.get("identity") or checksum)
        return cls(str(run.folder), str(checkpoint), checksum, known)


Parents = dict[str, Parent | None]
"""Reference, as it stands in a configuration -> the checkpoint that it means, if there is one."""


def recorded(run: Run) -> Parents:
    """What a run was started from."""
    return {
        p["reference"]: Parent(**{k: v for k, v in p.items() if k != "reference"})
        if p.get("checkpoint")
        else None
        for p in run.record.get("parents", [])
    }


def held(run: Run) -> Parents:
    """The same with the run's own copy of each checkpoint, where it has one."""
    own = {reference: place(run, reference) for reference in recorded(run)}
    return {
        reference: replace(parent, checkpoint=str(own[reference]))
        if parent and own[reference].is_file()
        else parent
        for reference, parent in recorded(run).items()
    }


def keep(run: Run, parents: Parents) -> None:
    """Leave each checkpoint in the folder of the run, so that it needs no other folder.

    On one file system it is a second name of the same file and takes no space.
    """
    for reference, parent in parents.items():
        if parent is None or reference == "from":  # which only the start of a training reads
            continue
        source, own = Path(parent.checkpoint).resolve(), place(run, reference)
        if not source.is_file():  # a moved run goes on with its own copy
            continue
        own.parent.mkdir(exist_ok=True)
        own.unlink(missing_ok=True)
        try:
            own.hardlink_to(source)
        except OSError:  # another file system, or one that has no such links
            with storage.replacing(own) as file, source.open("rb") as content:
                shutil.copyfileobj(content, file)


def place(run: Run, reference: str) -> Path:
    """`parents/rung-albedo.ckpt` for `rung:albedo`."""
    return run.folder / "parents" / f"{re.sub(r'[:/]', '-', reference)}.ckpt"
