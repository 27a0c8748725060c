"""Enlarging the pictures of a folder, or one picture.

# H W height and width of the file, s the scale
"""

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from launch.errors import ConfigError, LaunchError, MissingError
from launch.experiments.sr import resize
from launch.tools import pictures
from launch.tools.pictures import Picture
from launch.tools.tiles import tiled, wrapped

PER_FILE = (LaunchError, OSError, RuntimeError, ValueError)
"""What a single picture may fail with: damaged, not writable, out of memory, too large."""


def upscale_folder(
    upscale: Callable[[Tensor], Tensor],
    source: Path,
    destination: Path,
    scale: int,
    tile: int = 256,
    overlap: int = 32,
    wrap: bool = False,
) -> dict[str, float]:
    """Write every picture below `source` to the same name below `destination`, s times as large.

    Alpha is kept (enlarged by bicubic), grey stays grey and 16 bits stay 16. What is assumed in
    reading is said. A picture that fails does not stop the others; it is named at the end.

    Args:
        upscale: RGB (1, 3, h, w) in [0, 1] -> (1, 3, sh, sw); gets tiles.
        source: a folder, or one file.
        destination: a folder; for one file also a file name.
        wrap: opposite edges of the pictures continue each other.

    Returns:
        `images` written, `failed` and `seconds`.

    Raises:
        MissingError: if there is no picture.
        ConfigError: if results would come to lie among the pictures.
        LaunchError: if every picture failed.
    """
    files = output_names(source, destination)
    failed: dict[Path, str] = {}
    assumed: dict[str, list[str]] = defaultdict(list)
    console = Console(soft_wrap=True, highlight=False)
    started = time.monotonic()
    for path, target in track(files.items(), "enlarging", len(files), console=console):
        try:
            picture = pictures.read(path)
            for phrase in picture.assumed:
                assumed[phrase].append(path.name)
            pictures.write(target, enlarged(upscale, picture, scale, tile, overlap, wrap))
        except PER_FILE as error:
            failed[path] = getattr(error, "reason", None) or str(error)
    for phrase, names in assumed.items():
        console.print(f"{phrase}: {', '.join(names)}", markup=False)
    unread = {} if source.is_file() else pictures.left_out(source)
    for suffix, count in unread.items():
        console.print(f"left out {count} {suffix} files, which are not read here")
    for path, reason in failed.items():
        console.print(f"left out {path}: {reason}", markup=False)
    if len(failed) == len(files):
        raise LaunchError(f"none of {len(files)} pictures could be enlarged")
    seconds = time.monotonic() - started
    return {"images": len(files) - len(failed), "failed": len(failed), "seconds": seconds}


def output_names(source: Path, destination: Path) -> dict[Path, Path]:
    """Where each picture goes; formats that nobody writes become PNG.

    Raises:
        MissingError: if there is no picture.
        ConfigError: if the output is the input or lies inside it: a second run would take the
            results for sources, and a file of the same name be lost.
    """
    if not source.exists():
        raise MissingError(f"{source} does not exist; input is a picture or a folder of pictures")
    inside, outside = source.resolve(), destination.resolve()
    if source.is_file():
        named = destination.suffix.lower() in pictures.SUFFIXES
        target = destination if named else destination / writable(Path(source.name))
        if target.resolve() == inside:
            raise ConfigError(f"output={destination} is the input; choose another folder")
        return {source: target}
    if outside == inside:
        raise ConfigError(f"output={destination} is the input; choose another folder")
    if outside.is_relative_to(inside):
        raise ConfigError(f"output={destination} lies inside the input; choose a folder beside it")
    files = pictures.find(source)
    if not files:
        raise MissingError(f"{source} holds no pictures ({', '.join(pictures.SUFFIXES)})")
    return {path: destination / writable(path.relative_to(source)) for path in files}


def writable(name: Path) -> Path:
    return name.with_name(f"{name.name}.png") if name.suffix.lower() == ".jxl" else name


@torch.inference_mode()
def enlarged(
    upscale: Callable[[Tensor], Tensor],
    picture: Picture,
    scale: int,
    tile: int,
    overlap: int,
    wrap: bool = False,
) -> Picture:
    """The picture s times as large, in the same mode."""
    low = torch.from_numpy(np.ascontiguousarray(picture.rgb.transpose(2, 0, 1)))[None]
    high = tiled(upscale, low, scale, tile, overlap, wrap)[0]
    expected = tuple(side * scale for side in low.shape[-2:])
    if high.shape[-2:] != expected:
        raise ValueError(f"the network made {tuple(high.shape[-2:])} pixels, not {expected}")
    alpha = None
    if picture.alpha is not None:
        alpha = enlarged_alpha(torch.from_numpy(picture.opacity)[None, None], scale, wrap)
    return picture.with_pixels(high.permute(1, 2, 0).numpy(), alpha)


def enlarged_alpha(alpha: Tensor, scale: int, wrap: bool) -> np.ndarray:
    """Alpha (1, 1, H, W) by bicubic, (sH, sW)."""
    if not wrap:
        return resize.upscale(alpha, scale)[0, 0].numpy()
    margin = resize.REACH
    large = resize.upscale(wrapped(alpha, margin), scale)[0, 0].numpy()
    return large[margin * scale : -margin * scale, margin * scale : -margin * scale]
