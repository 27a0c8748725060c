"""Super-resolution whose losses come and go: fidelity first, then perception, then a GAN."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.experiments.sr.metrics import psnr_y, ssim_y
from launch.experiments.sr.predict import upscale_folder
from launch.experiments.sr.resize import upscale
from launch.experiments.sr.scores import Scores
from launch.losses.gan import GAN
from launch.losses.ldl import LDL
from launch.tools.exports import write_onnx
from launch.tools.tiles import tiled
from launch.train.adversarial import AdversarialModule
from launch.train.objective import Inputs

# B batch, h w low resolution, s scale: low (B, 3, h, w), high and pred (B, 3, s*h, s*w), in [0, 1]

PANEL_ROWS = 4
PANEL_SIDE = 256


class SuperResolution(AdversarialModule):
    """A network trained by scheduled losses, with a discriminator while the GAN term needs one.

    Args:
        losses: terms on (pred, target); a `gan` and an `ldl` type get what they need besides.
        network: low -> pred, of `scale`.
        others: as in `AdversarialModule`.
        perceptual_metric: distance(pred, target) reported under its own `metric_name`.
        tile, overlap: low-resolution pixels of a tile and of its margin; larger pictures are
            enlarged tile by tile, in validations and by `task=predict`.
        wrap: whether opposite edges of a picture to enlarge continue each other, for textures.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        scale: PositiveInt,
        perceptual_metric: nn.Module | None = None,
        tile: PositiveInt = 256,
        overlap: NonNegativeInt = 32,
        wrap: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.network, self.scale = network, scale
        self.perceptual_metric = perceptual_metric
        if tile <= 2 * overlap:
            raise ConfigError(
                f"module.overlap: {overlap} leaves nothing of a tile of {tile} pixels between its "
                "margins; module.tile has to be more than twice as large"
            )
        self.tile, self.overlap, self.wrap = tile, overlap, wrap
        self.scores = Scores()

    def setup(self, stage: str) -> None:
        made_for = getattr(getattr(self.trainer, "datamodule", None), "scale", self.scale)
        if made_for != self.scale:
            raise ConfigError(
                f"module.scale is {self.scale}, but the data is for {made_for}; give data.scale, "
                "which module and network follow"
            )

    def on_fit_start(self) -> None:
        for name in self.losses:
            if isinstance(self.losses[name], LDL) and "network" not in self.ema:
                raise ConfigError(f"losses.{name} is LDL: set ema.modules to [network]")

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        low, high = batch["low"], batch["high"]
        pred = self.network(low)
        if pred.shape != high.shape:
            raise ConfigError(
                f"the network makes {pred.shape[-1] / low.shape[-1]:g} pixels of one, module.scale "
                f"is {self.scale}; give data.scale, which module and network follow"
            )
        total, _ = self.losses(**{n: self.loss_inputs(n, pred, low, high) for n in self.losses})
        self.play(total, real=high, fake=pred)

    def loss_inputs(self, name: str, pred: Tensor, low: Tensor, high: Tensor) -> Inputs:
        """What the loss of one term is computed from; networks run only if it is active."""
        loss = self.losses[name]
        if isinstance(loss, GAN):
            return lambda: self.game(name, pred, high)
        if isinstance(loss, LDL):
            return lambda: (pred, high, self.averaged(low))
        mask = self.scheduled_masks.effective(name)
        return (pred, high) if mask is None else (pred, high, mask)

    def mask_state(self, batch: dict[str, Tensor] | None) -> dict[str, Any]:
        if batch is None:
            return {}
        return {"size": tuple(batch["high"].shape[-2:]), "device": batch["high"].device}

    @torch.no_grad()
    def averaged(self, low: Tensor) -> Tensor:
        return self.ema["network"](low)

    # Evaluation

    def on_validation_epoch_start(self) -> None:
        self.scores, self.panel = Scores(), []

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        low, high, grey = batch["low"], batch["high"], bool(batch["grey"])
        pred = tiled(self.enlarge, low, self.scale, self.tile, self.overlap)
        bicubic = upscale(low, self.scale).clamp(0, 1)
        values = {
            "psnr_y": psnr_y(pred, high, self.scale, grey),
            "psnr_y_bicubic": psnr_y(bicubic, high, self.scale, grey),
            "ssim_y": ssim_y(pred, high, self.scale, grey),
        }
        if self.perceptual_metric is not None:
            values[str(self.perceptual_metric.metric_name)] = self.perceptual_metric(pred, high)
        metrics = {name: value.mean().item() for name, value in values.items()}
        self.scores.add(batch["set"][0], batch["name"][0], metrics)
        if batch_idx < PANEL_ROWS:
            self.panel.append(strip(low, bicubic, pred, high))

    def on_validation_epoch_end(self) -> None:
        self.log_metrics(self.scores.means())
        if self.trainer.is_global_zero:
            self.scores.write(Path(self.trainer.default_root_dir))

    def enlarge(self, low: Tensor) -> Tensor:
        """Low (B, 3, h, w) -> (B, 3, s*h, s*w) in [0, 1] by the averaged weights, if there are."""
        return self.evaluated("network")(low).clamp(0, 1)

    def weights(self) -> dict[str, Tensor]:
        """A bare state dict of the network, which spandrel and other tools recognise."""
        return self.evaluated("network").state_dict()

    def export(self, folder: Path) -> dict[str, float]:
        """Write `network.onnx` of any size; returns its largest difference to torch."""
        path = folder / "network.onnx"
        return {"onnx_difference": write_onnx(self.evaluated("network"), path)}

    def predict(self, source: Path, destination: Path) -> dict[str, float]:
        def enlarge(low: Tensor) -> Tensor:
            return self.enlarge(low.to(self.device)).cpu()

        tiles = self.tile, self.overlap, self.wrap
        return upscale_folder(enlarge, source, destination, self.scale, *tiles)


def strip(low: Tensor, bicubic: Tensor, pred: Tensor, high: Tensor) -> np.ndarray:
    """The centre of four versions of the first image side by side, uint8."""
    nearest = F.interpolate(low, size=high.shape[-2:], mode="nearest")
    height, width = (min(PANEL_SIDE, side) for side in high.shape[-2:])
    top, left = (high.shape[-2] - height) // 2, (high.shape[-1] - width) // 2
    images = [
        i[0, :, top : top + height, left : left + width] for i in (nearest, bicubic, pred, high)
    ]
    row = torch.cat(images, dim=2).clamp(0, 1).mul(255).round().byte()
    return row.permute(1, 2, 0).cpu().numpy()
