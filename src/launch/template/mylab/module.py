"""What is trained: read `training_step` from top to bottom."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pydantic import PositiveInt
from torch import Tensor, nn

from launch.errors import MissingError
from launch.tools.pictures import write_png
from launch.train.module import OptimizerFactory, ScheduledModule
from launch.train.objective import ScheduledLosses


class Denoiser(ScheduledModule):
    """Takes noise away; every loss gets (prediction, clean picture).

    Args:
        losses: the objective, which the launcher builds from `losses:`.
        optimizer: of the network.
        width: channels of the network.
    """

    def __init__(
        self, losses: ScheduledLosses, optimizer: OptimizerFactory, width: PositiveInt = 16
    ) -> None:
        super().__init__(losses, optimizer)
        self.network = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 1, 3, padding=1)
        )
        self.seen: list[dict[str, Tensor]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        pred = self.network(batch["noisy"])
        total, _ = self.losses(**{name: (pred, batch["clean"]) for name in self.losses})
        return total

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        self.seen.append({**batch, "pred": self.network(batch["noisy"]).clamp(0, 1)})

    def on_validation_epoch_end(self) -> None:
        errors = [torch.mean((s["pred"] - s["clean"]) ** 2) for s in self.seen]
        self.log_metrics({"psnr": float(-10 * torch.stack(errors).mean().log10())})

    def image_panel(self) -> list[np.ndarray]:
        """Noisy, predicted and clean pictures side by side, one row each."""
        rows = [[grey(s[key][0, 0]) for key in ("noisy", "pred", "clean")] for s in self.seen[:4]]
        self.seen = []
        return [np.concatenate(row, axis=1) for row in rows]

    def predict(self, source: Path, destination: Path) -> dict[str, float]:
        """Denoise every PNG of a folder."""
        files = sorted(source.glob("*.png")) if source.is_dir() else [source]
        if not files:
            raise MissingError(f"{source} holds no PNG")
        for path in files:
            picture = np.asarray(Image.open(path).convert("L"), np.float32) / 255
            pred = self.network(torch.from_numpy(picture)[None, None].to(self.device))
            write_png(destination / path.name, grey(pred[0, 0].clamp(0, 1)))
        return {"pictures": len(files)}


def grey(picture: Tensor) -> np.ndarray:
    """(H, W) in [0, 1] as (H, W, 3) bytes."""
    levels = (picture.detach().cpu().clamp(0, 1).numpy() * 255).round().astype(np.uint8)
    return np.repeat(levels[:, :, None], 3, axis=2)
