"""A fit looked at: its numbers, where it can be trusted, and the files a person takes home."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from launch.experiments.winding import export
from launch.experiments.winding.channels import Channels, Image
from launch.experiments.winding.confidence import confidence
from launch.experiments.winding.geometry import FitResult
from launch.experiments.winding.metrics import compare, in_image, shape_metrics, truth_metrics
from launch.masks.scheduled import sample
from launch.tools.pictures import write_png


@dataclass(frozen=True)
class Evaluation:
    """What is known about a fit. N slices, R rows, C columns.

    Attributes:
        xy: vertices (N, R, C, 2) in model pixels.
        seen: (N, R, C), whether a vertex is inside the image and on the slice.
        confidence: (N, C), share of rows in which a winding follows one layer.
        error: (N, R, C) in windings, where the truth is known.
        metrics: unweighted numbers for run.json.
    """

    xy: Image
    seen: Image
    confidence: Image
    error: Image | None
    metrics: dict[str, float]


@torch.no_grad()
def evaluate(fit: FitResult, channels: Channels) -> Evaluation:
    """The numbers of a fit; `channels.valid` says where the slice is."""
    xy, valid = fit.xy.cpu(), torch.from_numpy(channels.valid)[:, None]
    trust = confidence(fit)
    numbers = shape_metrics(xy, valid)
    numbers |= {
        "confidence": float(trust.winding.mean()),
        "suspected_slips": trust.suspected_slips,
    }
    error = None
    if channels.truth is not None:
        winding = torch.from_numpy(channels.truth.winding)[:, None]
        numbers |= truth_metrics(xy, winding)
        error = compare(xy, winding).error.numpy()
    seen = in_image(xy, channels.size) & (sample(valid, xy)[:, 0] > 0.5)
    return Evaluation(xy.numpy(), seen.numpy(), trust.winding.cpu().numpy(), error, numbers)


def picture(found: Evaluation, channels: Channels, mask: Image | None = None) -> Image:
    """The middle slice with its windings, slips in red, and the outline of a mask (N, H, W)."""
    middle = len(found.xy) // 2
    return export.overlay(
        background(channels),
        found.xy[middle],
        None if mask is None else mask[min(middle, len(mask) - 1)],
        None if found.error is None else found.error[middle],
        zoom=max(1, 768 // max(channels.size)),
    )


def background(channels: Channels) -> Image:
    """The middle slice to draw on, (H, W) in [0, 1]."""
    grey = channels.cosine if channels.picture is None else channels.picture
    return grey[len(grey) // 2]


def write(
    folder: Path, found: Evaluation, channels: Channels, step: float, frames: Sequence[Path] = ()
) -> None:
    """`polylines.json`, `tifxyz/`, `overlay.png` and, from pictures, `fit.gif`.

    Args:
        step: distance of two rows in model pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = export.polylines(found.xy, found.seen, channels, found.confidence)
    export.write_polylines(folder / "polylines.json", document)
    export.write_tifxyz(folder / "tifxyz", found.xy, found.seen, channels, step)
    write_png(folder / "overlay.png", picture(found, channels))
    pictures = [export.read_picture(path) for path in frames]
    if len(pictures) > 1:
        export.write_animation(folder / "fit.gif", pictures)
