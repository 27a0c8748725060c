"""What a checkpoint of 15 MiB keeps a training waiting, against a bare `torch.save` in one step.

Both flush the file to the disk before it takes the place of the one before; ours has a checksum, a
generation before it and an event in the ledger as well. Measured in turns: milliseconds, and the
ratio of a turn.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import torch

from launch.record.run import Run
from launch.train import checkpoint_files

Content = dict[str, Any]


def bare(content: Content, path: Path) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def milliseconds(save: Callable[..., None], *arguments: Any) -> float:
    begun = time.perf_counter()
    save(*arguments)
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    content = {"iteration": 0, "tensors": [torch.randn(64, 1024) for _ in range(60)]}
    with TemporaryDirectory(dir=".") as folder:  # that of the system may lie in memory
        run = Run(Path(folder))
        run.start(task="train")
        run.last.parent.mkdir()
        ours, theirs = [], []
        for _ in range(turns):
            theirs.append(milliseconds(bare, content, run.folder / "bare.ckpt"))
            ours.append(milliseconds(checkpoint_files.write, run, content, run.last))
    ratios = [a / b for a, b in zip(ours[2:], theirs[2:], strict=True)]
    low, _, high = quantiles(ratios, n=4)
    print(f"ours {median(ours):.1f} ms, bare {median(theirs):.1f} ms")
    print(f"{median(ratios):.3f} x (half of {len(ratios)} turns {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
