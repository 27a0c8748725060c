"""Checkpoint files: written in one step with their checksum, verified before they are used."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_warn

from launch.record import ledger, storage
from launch.record.run import Run
from launch.record.storage import StorageError
from launch.tools import model_files


class CheckpointFiles(TorchCheckpointIO):
    """What Lightning writes checkpoints with. Of `last.ckpt` the generation before it is kept."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        write(self.run, checkpoint, Path(path))


def write(run: Run, content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint of a run, whose ledger knows its checksum before it takes its place.

    Raises:
        StorageError: if the disk refuses it; the file that was there stands.
    """
    keep = run.previous if path == run.last else None
    sealed = None
    try:
        with storage.replacing(path, keep=keep, flush=False) as file:
            sealed = storage.Sealed(file)
            torch.save(content, sealed)  # pyright: ignore[reportArgumentType]
            noted = {"file": path.name, "crc32": sealed.seal()}
            with storage.flushing(file):
                run.note("checkpoint", iteration=content["iteration"], checkpoint=noted)
    except OSError as error:
        raise storage.explained(error) from error
    except RuntimeError as error:
        if sealed is None or sealed.refused is None:
            raise
        raise storage.explained(sealed.refused) from error


def read(path: Path) -> dict[str, Any]:
    """What a checkpoint of this project holds, on the CPU, its tensors read when they are used.

    Raises:
        StorageError: if it is damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except model_files.UNREADABLE as error:
        reason = str(error).strip().partition("\n")[0]
        raise StorageError(f"{path} is damaged: {reason}") from error


def keep_weights_alone(run: Run) -> None:
    """Take from a completed run what only further training needs, two thirds of its size.

    The last checkpoint, of which its metrics are, stays beside the best unless it is the same.
    """
    if not run.best.is_file():
        return
    best, last = read(run.best), read(run.last)
    same = best["iteration"] == last["iteration"]
    for path, content in ((run.best, best), *[(run.last, last)] * (not same)):
        write(run, {k: v for k, v in content.items() if k != "optimizer_states"}, path)
    for path in (run.previous, *[run.last] * same):
        path.unlink(missing_ok=True)  # a run that saved once has no generation before


def resumable(run: Run) -> Path | None:
    """The checkpoint to go on from: the last, or the one before it if that is damaged; or none.

    Raises:
        StorageError: if there are some, and all are damaged.
    """
    problems = []
    own = checksums(run)
    for path in (run.last, run.previous):
        try:
            if not path.is_file():
                continue
            checksum = storage.verify(path)
            if checksum is None:
                raise StorageError(f"{path} is damaged: it does not end with its checksum")
            if own and checksum not in own:
                raise StorageError(f"{path} is no checkpoint that this run has written")
            read(path)
        except StorageError as error:
            problems.append(error.message)
        else:
            if problems:
                rank_zero_warn(f"{problems[0]}; going on from {path}")
            return path
    if not problems:
        return None
    best = f", or start a new run from its best one with from={run.best}" * run.best.is_file()
    raise StorageError("; ".join(problems) + f". Delete {run.folder} to train it anew{best}")


def checksums(run: Run) -> set[str]:
    """Those of all checkpoints that a run has written; none if it keeps no ledger."""
    noted = [event.get("checkpoint") for event in ledger.events(run.folder)]
    return {checkpoint["crc32"] for checkpoint in noted if checkpoint}
