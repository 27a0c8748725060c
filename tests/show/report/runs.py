"""Run folders as runs leave them, small."""

import json
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

RECORD: dict[str, Any] = {
    "status": "completed",
    "experiment": "sr/static",
    "task": "train",
    "scale": "demo",
    "seed": 0,
    "iteration": 60,
    "metrics": {"psnr_y": 27.0, "psnr_y_bicubic": 26.0, "ssim_y": 0.8},
    "main_metric": {"name": "psnr_y", "mode": "max"},
    "data": {"name": "Scenes", "fingerprint": "abc"},
    "command": "python -m launch +experiment=sr/static 'a=<b>'",
    "started": "2026-01-01T10:00:00+00:00",
    "ended": "2026-01-01T10:05:00+00:00",
}
CONFIG: dict[str, Any] = {
    "run_dir": "somewhere",
    "seed": 0,
    "module": {"optimizer": {"lr": 0.001}},
    "losses": {"pixel": {"type": "l1"}, "gan": {"type": "gan", "start_iter": 20}},
    "masks": [],
    "ema": None,
    "trainer": {"max_iterations": 60, "max_epochs": None},
}
METRICS = "iteration,loss/total,psnr_y\n0,0.5,\n20,0.4,25.5\n40,nan,26.5\n60,0.2,27.0\n"


def make(
    folder: Path, lr: float = 0.001, pictures: tuple[int, ...] = (0, 30, 60), **record: Any
) -> Path:
    """A completed run with curves and a picture of another colour every 30 iterations."""
    (folder / "images").mkdir(parents=True)
    whole = RECORD | {"seed": record.get("seed", 0)} | record
    (folder / "run.json").write_text(json.dumps(whole))
    config = CONFIG | {"seed": whole["seed"], "module": {"optimizer": {"lr": lr}}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config | {"run_dir": str(folder)}))
    (folder / "metrics.csv").write_text(METRICS)
    for number in pictures:
        picture = Image.new("RGB", (1200, 300), (4 * number, 80, 120))
        picture.save(folder / "images" / f"iteration_{number:08}.png")
    return folder


def sweep(root: Path) -> Path:
    """Two learning rates with two seeds each; the larger rate is better in both, by 1 and 1.2."""
    for place, (lr, seed, psnr) in enumerate(
        [(0.001, 0, 26.0), (0.001, 1, 26.2), (0.01, 0, 27.0), (0.01, 1, 27.4)]
    ):
        metrics = {"psnr_y": psnr, "psnr_y_bicubic": 26.5, "ssim_y": 0.5 + place / 10}
        make(root / str(place), lr, seed=seed, metrics=metrics, experiment="sr/loss_ramps")
    return root
