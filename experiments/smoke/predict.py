"""task=predict: what may come after the first frames of each clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_warn
from rich.progress import track
from torch import Tensor

from launch.errors import MissingError
from launch.experiments.smoke import clips, pictures
from launch.experiments.smoke.clips import Clip, Source
from launch.experiments.smoke.latents import as_float
from launch.experiments.smoke.metrics import RolloutMetrics, grey
from launch.record import storage
from launch.tools.names import refuse_overlap
from launch.tools.pictures import write_png

if TYPE_CHECKING:
    from launch.experiments.smoke.module import SmokeFlow


def predict_folder(module: SmokeFlow, source: Path, destination: Path) -> dict[str, float]:
    """Futures of every clip under `source`: MP4, GIF, a grid and the raw floats of each.

    A video file, or a folder of videos, animations and frames. Where a clip goes on after the given
    frames, the grid shows true | generated | difference, and the metrics are over all such clips.
    A clip that cannot be read is named and does not stop the others. Videos keep their frame rate.

    Raises:
        ConfigError: if the output is the input, or one lies inside of the other.
        MissingError: if there is no clip that could be used.
    """
    refuse_overlap(source, destination)
    metrics, failed, done = RolloutMetrics(), 0, 0
    for found in track(find(source), description="predicting"):
        pieces = usable(found, module.frame_size, module.sampling.given)
        failed += not pieces
        for clip in pieces:
            predict_clip(module, clip, destination / clip.name, metrics)
            done += 1
    if not done:
        raise MissingError(f"{source} holds no clip that could be read")
    nfe = float(module.sampling.nfe)
    return {"clips": done, "failed": failed, "nfe": nfe, **metrics.results()}


def find(source: Path) -> list[Source]:
    """A video file, or all clips of a folder.

    Raises:
        MissingError: if there is nothing of the kind.
    """
    if source.is_file():
        return [Source(source.stem, source.stem, (source,))]
    if not source.is_dir():
        raise MissingError(f"input {source} does not exist")
    return clips.find(source)


def usable(source: Source, size: int, given: int) -> list[Clip]:
    """Undamaged pieces of at least the given frames, else the longest; warns about the rest."""
    found = clips.read(source, size, shortest=1)
    for note in found.notes:
        rank_zero_warn(note)
    long = [clip for clip in found.clips if len(clip.frames) >= given]
    return long or sorted(found.clips, key=lambda clip: len(clip.frames))[-1:]


def predict_clip(module: SmokeFlow, clip: Clip, destination: Path, metrics: RolloutMetrics) -> None:
    """Generate after the first frames of one clip, and write what came out."""
    frames = torch.from_numpy(clip.frames)
    given = min(module.sampling.given, len(frames))
    known = as_float(frames[None, :given]).to(module.device)
    latents = module.latents.standardise(module.latents.encode(known))
    generated = module.futures(latents, module.predict_frames)[0].cpu()
    truth = as_float(frames[given : given + module.predict_frames])
    if len(truth):
        score(module, generated, truth, known[0, -1].cpu(), metrics)
    write(destination, known[0].cpu(), generated, truth, clip.rate or module.frames_per_second)


def score(
    module: SmokeFlow, generated: Tensor, truth: Tensor, last: Tensor, metrics: RolloutMetrics
) -> None:
    """Compare samples (N, T, 3, H, W) with true frames, as far as there are some."""
    raw = module.latents.encode(truth[None].to(module.device))
    floor = module.latents.decode(module.latents.standardise(raw))[0].cpu()
    futures = grey(generated[None, :, : len(truth)])
    metrics.update(futures, grey(truth[None]), grey(last[None]), grey(floor[None]))


def write(
    destination: Path, known: Tensor, generated: Tensor, truth: Tensor, frames_per_second: float
) -> None:
    """One video and one GIF of each sample, one grid and one array of all."""
    for number, sample in enumerate(generated):
        whole = torch.cat([known, sample])
        for suffix in ("mp4", "gif"):
            path = destination / f"sample_{number}.{suffix}"
            pictures.save_video(path, whole, frames_per_second)
    rows = [pictures.strip(sample) for sample in generated]
    if len(truth):
        shown = len(truth)
        rows = [pictures.comparison(truth, sample[:shown]) for sample in generated]
    write_png(destination / "grid.png", pictures.grid(rows))
    with storage.replacing(destination / "frames.npz") as file:
        np.savez_compressed(
            file,
            given=known.float().numpy(),
            generated=generated.float().numpy(),
            truth=truth.float().numpy(),
        )
