"""Where a fit pays: the error of every loss term along the mesh, as files and over the slice."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from launch.experiments.winding.channels import Image
from launch.experiments.winding.export import write_tiff
from launch.experiments.winding.geometry import FitResult
from launch.experiments.winding.losses import WindingLoss
from launch.tools.pictures import write_png
from launch.train.objective import ScheduledLosses

HIGH = 0.98  # quantile of a term that is drawn brightest


@torch.no_grad()
def loss_maps(losses: ScheduledLosses, fit: FitResult) -> dict[str, Tensor]:
    """Unweighted errors (N, rows, columns) of each term, NaN where its mask is 0.

    A term of both halves of a link is averaged over them, and one without a place has no map.
    """
    found = {}
    for name in losses:
        loss = losses[name]
        assert isinstance(loss, WindingLoss)
        errors, mask = loss.errors(fit, name)
        if errors.ndim < 3:
            continue
        counted = torch.ones_like(errors) if mask is None else mask.expand_as(errors)
        errors = torch.where(counted > 0, errors, torch.nan)
        found[name] = errors.nanmean(1) if errors.ndim == 4 else errors
    return found


def write(folder: Path, maps: dict[str, Tensor], fit: FitResult, grey: Image) -> None:
    """`TERM.tif` (N, rows, columns), and `TERM.png` of the middle slice `grey` (H, W) in [0, 1]."""
    for name, values in maps.items():
        errors = values.cpu().numpy()
        write_tiff(folder / f"{name}.tif", errors)
        fine = errors.shape[2] > fit.xy.shape[2]
        places = (fit.xy_hr if fine else fit.xy).detach().cpu().numpy()
        middle = len(errors) // 2
        rows, columns = errors.shape[1:]
        drawn = heat(grey, places[middle, :rows, :columns], errors[middle])
        write_png(folder / f"{name}.png", drawn)


def heat(grey: Image, places: Image, errors: Image) -> Image:
    """Errors (r, c) as coloured dots at (r, c, 2) over a slice, (zoom H, zoom W, 3) uint8 RGB."""
    zoom = max(1, 768 // max(grey.shape))
    canvas = np.repeat(np.clip(grey, 0, 1)[..., None] * 120, 3, 2).astype(np.uint8)
    canvas = cv2.resize(canvas, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)
    known = np.isfinite(errors) & np.isfinite(places).all(-1)
    if not known.any():
        return canvas
    top = max(float(np.quantile(errors[known], HIGH)), 1e-12)
    shade = np.clip(errors[known] / top * 255, 0, 255).astype(np.uint8)
    colours = cv2.applyColorMap(shade[None], cv2.COLORMAP_INFERNO)[0, :, ::-1].tolist()
    for (x, y), colour in zip((places[known] + 0.5) * zoom, colours, strict=True):
        if abs(x) < 2**15 and abs(y) < 2**15:
            cv2.circle(canvas, (int(x), int(y)), 2, colour, -1, cv2.LINE_AA)
    return canvas
