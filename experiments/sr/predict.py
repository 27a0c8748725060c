"""Enlarging the pictures of a folder, or one picture.

# H W height and width of the file, s the scale
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from launch.experiments.sr import images, resize
from launch.experiments.sr.images import Picture
from launch.experiments.sr.tiling import tiled
from rich.console import Console
from rich.progress import track
from torch import Tensor

from launch.errors import ConfigError, LaunchError, MissingError

PER_FILE = (LaunchError, OSError, RuntimeError, ValueError)
"""What a single picture may fail with: damaged, not writable, out of memory, too large."""


def upscale_folder(
    upscale: Callable[[Tensor], Tensor],
    source: Path,
    destination: Path,
    scale: int,
    tile: int = 256,
    overlap: int = 32,
) -> dict[str, float]:
    """Write every picture below `source` to the same name below `destination`, s times as large.

    Alpha is kept (enlarged by bicubic), grey stays grey and 16 bits stay 16. A picture that fails
    does not stop the others; it is named at the end.

    Args:
        upscale: RGB (1, 3, h, w) in [0, 1] -> (1, 3, sh, sw); gets tiles.
        source: a folder, or one file.
        destination: a folder; for one file also a file name.

    Returns:
        `images` written, `failed` and `seconds`.

    Raises:
        MissingError: if there is no picture.
        ConfigError: if pictures would be written over themselves.
        LaunchError: if every picture failed.
    """
    files = output_names(source, destination)
    failed: dict[Path, str] = {}
    console = Console(soft_wrap=True, highlight=False)
    started = time.monotonic()
    for path, target in track(files.items(), "enlarging", len(files), console=console):
        try:
            images.write(target, enlarged(upscale, images.read(path), scale, tile, overlap))
        except PER_FILE as error:
            failed[path] = getattr(error, "reason", None) or str(error)
    for path, reason in failed.items():
        console.print(f"left out {path}: {reason}", markup=False)
    if len(failed) == len(files):
        raise LaunchError(f"none of {len(files)} pictures could be enlarged")
    seconds = time.monotonic() - started
    return {"images": len(files) - len(failed), "failed": len(failed), "seconds": seconds}


def output_names(source: Path, destination: Path) -> dict[Path, Path]:
    """Where each picture goes; pictures below the destination are results, not sources."""
    if not source.exists():
        raise MissingError(f"{source} does not exist; input is a picture or a folder of pictures")
    if source.resolve() == destination.resolve():
        raise ConfigError(f"output={destination} is the input; choose another folder")
    if source.is_file():
        named = destination.suffix.lower() in images.SUFFIXES
        return {source: destination if named else destination / source.name}
    inside = destination.resolve()
    files = [path for path in images.find(source) if not path.resolve().is_relative_to(inside)]
    if not files:
        raise MissingError(f"{source} holds no pictures ({', '.join(images.SUFFIXES)})")
    return {path: destination / path.relative_to(source) for path in files}


@torch.inference_mode()
def enlarged(
    upscale: Callable[[Tensor], Tensor], picture: Picture, scale: int, tile: int, overlap: int
) -> Picture:
    """The picture s times as large, in the same mode."""
    low = torch.from_numpy(np.ascontiguousarray(picture.rgb.transpose(2, 0, 1)))[None]
    high = tiled(upscale, low, scale, tile, overlap)[0]
    expected = tuple(side * scale for side in low.shape[-2:])
    if high.shape[-2:] != expected:
        raise ValueError(f"the network made {tuple(high.shape[-2:])} pixels, not {expected}")
    alpha = None
    if picture.alpha is not None:
        mask = torch.from_numpy(np.ascontiguousarray(picture.alpha))[None, None]
        alpha = resize.upscale(mask, scale)[0, 0].numpy()
    return replace(picture, rgb=high.permute(1, 2, 0).numpy(), alpha=alpha)
