"""task=predict: what may come after the first frames of each clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from launch.experiments.smoke import clips, pictures
from launch.experiments.smoke.latents import as_float
from launch.experiments.smoke.metrics import RolloutMetrics, grey
from lightning.pytorch.utilities import rank_zero_warn
from PIL import Image
from rich.progress import track
from torch import Tensor

from launch.errors import MissingError

if TYPE_CHECKING:
    from launch.experiments.smoke.module import SmokeFlow


def predict_folder(module: SmokeFlow, source: Path, destination: Path) -> dict[str, float]:
    """Futures of every clip under `source`: MP4, GIF, a grid and the raw floats of each.

    A video file, a folder of frames, or a folder of either. Where a clip goes on after the given
    frames, the grid shows true | generated | difference, and the metrics are over all such clips.
    A clip that cannot be read is named and does not stop the others.

    Raises:
        MissingError: if there is no clip that could be used.
    """
    metrics, failed, done = RolloutMetrics(), 0, 0
    for name, files in track(find(source).items(), description="predicting"):
        clip = longest(files, name, module.frame_size)
        if not len(clip):
            failed += 1
            continue
        predict_clip(module, torch.from_numpy(clip), destination / name, metrics)
        done += 1
    if not done:
        raise MissingError(f"{source} holds no clip that could be read")
    nfe = float(module.sampling.nfe)
    return {"clips": done, "failed": failed, "nfe": nfe, **metrics.results()}


def find(source: Path) -> dict[str, list[Path] | Path]:
    """Clips by name under a video file, a folder of videos, or folders of frames.

    Raises:
        MissingError: if there is nothing of the kind.
    """
    if source.is_file():
        return {source.stem: source}
    if not source.is_dir():
        raise MissingError(f"input {source} does not exist")
    try:
        return dict(clips.find_videos(source))
    except MissingError:
        return dict(clips.find_frames(source))


def longest(files: list[Path] | Path, name: str, size: int) -> np.ndarray:
    """The longest undamaged piece of a clip, with warnings about the rest."""
    pieces = clips.read(files, name, size, shortest=1)
    for note in (note for piece in pieces for note in piece.notes):
        rank_zero_warn(note)
    return max((piece.frames for piece in pieces), key=len)


def predict_clip(
    module: SmokeFlow, frames: Tensor, destination: Path, metrics: RolloutMetrics
) -> None:
    """Generate after the first frames (T, 3, H, W) of one clip, and write what came out."""
    given = min(module.sampling.given, len(frames))
    known = as_float(frames[None, :given]).to(module.device)
    latents = module.latents.standardise(module.latents.encode(known))
    generated = module.futures(latents, module.predict_frames)[0].cpu()
    truth = as_float(frames[given : given + module.predict_frames])
    if len(truth):
        score(module, generated, truth, known[0, -1].cpu(), metrics)
    write(destination, known[0].cpu(), generated, truth, module.frames_per_second)


def score(
    module: SmokeFlow, generated: Tensor, truth: Tensor, last: Tensor, metrics: RolloutMetrics
) -> None:
    """Compare samples (N, T, 3, H, W) with true frames, as far as there are some."""
    raw = module.latents.encode(truth[None].to(module.device))
    floor = module.latents.decode(module.latents.standardise(raw))[0].cpu()
    futures = grey(generated[None, :, : len(truth)])
    metrics.update(futures, grey(truth[None]), grey(last[None]), grey(floor[None]))


def write(
    destination: Path, known: Tensor, generated: Tensor, truth: Tensor, frames_per_second: int
) -> None:
    """One video and one GIF of each sample, one grid and one array of all."""
    destination.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(generated):
        whole = torch.cat([known, sample])
        for suffix in ("mp4", "gif"):
            path = destination / f"sample_{number}.{suffix}"
            pictures.save_video(path, whole, frames_per_second)
    rows = [pictures.strip(sample) for sample in generated]
    if len(truth):
        shown = len(truth)
        rows = [pictures.comparison(truth, sample[:shown]) for sample in generated]
    Image.fromarray(pictures.grid(rows)).save(destination / "grid.png")
    np.savez_compressed(
        destination / "frames.npz",
        given=known.float().numpy(),
        generated=generated.float().numpy(),
        truth=truth.float().numpy(),
    )
