"""task=calibrate: what each mask would select, before a training is spent on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor

from launch.experiments.smoke import pictures
from launch.experiments.smoke.latents import as_float
from launch.experiments.smoke.weighting import (
    VISIBLE_CELL,
    MaskMode,
    View,
    brightest,
    calibrated_threshold,
    score,
)
from launch.tools.auroc import aurocs
from launch.tools.pictures import write_png

if TYPE_CHECKING:
    from launch.experiments.smoke.module import SmokeFlow
    from launch.train.data import ScheduledDataModule

THRESHOLDS = (0.05, 0.1, 0.2)
WINDOWS = 64
PANEL_FRAMES = 6
Scores = dict[MaskMode, Tensor]
MODES: tuple[MaskMode, ...] = get_args(MaskMode)


def calibrate(module: SmokeFlow, data: ScheduledDataModule, folder: Path) -> dict[str, float]:
    """Print and draw how each mask mode fits the smoke that pixels show; returns the numbers.

    `smoke_ratio/MODE/THRESHOLD` is the share of cells above a threshold, `auto` the threshold of
    `smoke_threshold: auto`, and `auroc/MODE` says how well the score ranks cells with visible
    pixels above the others: 0.5 is chance, and no threshold mends that.
    """
    data.setup("fit")
    windows = data.train_set
    assert windows is not None
    count = len(windows)  # type: ignore[arg-type]
    chosen = range(0, count, max(1, count // WINDOWS))
    frames = torch.stack([windows[i]["frames"] for i in chosen]).to(module.device)
    view = View(module.latents.encode(frames).flatten(0, 1), as_float(frames).flatten(0, 1))
    scores: Scores = {mode: score(mode, view, module.black(frames)) for mode in MODES}
    found = measure(scores, brightest(view.frame, view.latent))
    found["smoke_pixels"] = float((view.frame.amax(1) > VISIBLE_CELL).float().mean())
    Console().print(table(found))
    write_png(folder / "images" / "calibration.png", picture(view, scores, found))
    return found


def measure(scores: Scores, brightness: Tensor) -> dict[str, float]:
    """Ratios at the thresholds, the automatic threshold and the AUROC of every mode."""
    found, smoke = {}, brightness > VISIBLE_CELL
    for mode, values in scores.items():
        automatic = calibrated_threshold(values, brightness)
        for threshold in THRESHOLDS:
            found[f"smoke_ratio/{mode}/{threshold:g}"] = float((values > threshold).float().mean())
        found[f"smoke_ratio/{mode}/auto"] = float((values > automatic).float().mean())
        found[f"auto_threshold/{mode}"] = automatic
        labels, ranked = (cells.flatten()[:, None].cpu().numpy() for cells in (smoke, values))
        found[f"auroc/{mode}"] = float(aurocs(labels, ranked)[0])
    return found


def table(found: dict[str, float]) -> Table:
    """The numbers, a row for each mask mode."""
    table = Table(title=f"smoke is {found['smoke_pixels']:.3f} of the pixels; share of cells:")
    for heading in ("mask_mode", *(f"> {t:g}" for t in THRESHOLDS), "> auto", "auto", "AUROC"):
        table.add_column(heading, justify="right")
    for mode in MODES:
        ratios = [
            found[f"smoke_ratio/{mode}/{t}"] for t in (*map("{:g}".format, THRESHOLDS), "auto")
        ]
        rest = [found[f"auto_threshold/{mode}"], found[f"auroc/{mode}"]]
        table.add_row(mode, *(f"{value:.3f}" for value in (*ratios, *rest)))
    return table


def picture(view: View, scores: Scores, found: dict[str, float]) -> np.ndarray:
    """Frames, and per mode a row of scores and a row of the mask at the automatic threshold."""
    chosen = torch.linspace(0, len(view.frame) - 1, PANEL_FRAMES).long()
    rows = [view.frame[chosen]]
    for mode, values in scores.items():
        shown = values[chosen]
        scaled = (shown - values.min()) / (values.max() - values.min()).clamp_min(1e-6)
        rows += [scaled, (shown > found[f"auto_threshold/{mode}"]).float()]
    size = view.frame.shape[-2:]
    return pictures.grid(
        [pictures.strip(F.interpolate(row, size).expand(-1, 3, -1, -1)) for row in rows]
    )
