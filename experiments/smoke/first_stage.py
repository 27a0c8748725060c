"""The first rung: the autoencoder, by reconstruction first and adversarially later."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from launch.experiments.smoke.autoencoder import VQAutoencoder
from launch.experiments.smoke.latents import as_float
from launch.experiments.smoke.metrics import psnr
from launch.losses.gan import GAN
from launch.train.adversarial import AdversarialModule
from launch.train.objective import Inputs

PANEL_FRAMES = 8
FEW_CODES = 0.1
COLLAPSED = 1.0  # dB over the best constant picture below which nothing has been learnt


class AutoencoderTraining(AdversarialModule):
    """Trains a `VQAutoencoder` on single frames.

    The term `commitment` gets latents and their codes, which do not move for it; a `gan` type
    gets the discriminator's logits, which trains while the weight of the term is not 0 and
    `warmup_iters` updates before; every other term gets (reconstruction, frames).

    Args:
        autoencoder: the network; frozen and used by the next rung.
        others: as in `AdversarialModule`.
    """

    def __init__(self, *, autoencoder: VQAutoencoder, **others: Any) -> None:
        super().__init__(**others)
        self.autoencoder = autoencoder
        self.validation: list[dict[str, float]] = []
        self.moments: list[Tensor] = []
        self.used: Tensor | None = None

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        frames = as_float(batch["frames"][:, 0])
        out = self.autoencoder(frames)
        total, _ = self.losses(**{n: self.loss_inputs(n, out, frames) for n in self.losses})
        self.play(total, real=frames, fake=out["reconstruction"])

    def loss_inputs(self, name: str, out: dict[str, Tensor], frames: Tensor) -> Inputs:
        """What the loss of one term is computed from; the discriminator runs only if needed."""
        loss = self.losses[name]
        if name == "commitment":
            return out["latent"], out["codes"]
        if isinstance(loss, GAN):
            return lambda: self.game(name, out["reconstruction"], frames)
        return out["reconstruction"], frames

    # Evaluation

    def on_validation_epoch_start(self) -> None:
        self.validation, self.panel, self.moments = [], [], []
        self.used = torch.zeros(len(self.autoencoder.codebook.uses), dtype=torch.bool)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        assert self.used is not None
        frames = as_float(batch["frames"][:, 0])
        latent = self.autoencoder.encode(frames)
        decoded = self.autoencoder.decode(latent).clamp(0, 1)
        self.used[self.autoencoder.codebook.numbers(latent).flatten().cpu()] = True
        self.moments.append(torch.stack([frames.mean((0, 2, 3)), frames.square().mean((0, 2, 3))]))
        dark = frames.amax(1, keepdim=True) == 0
        self.validation.append(
            {
                "squared_error": (decoded - frames).square().mean().item(),
                "black_energy": ((decoded.square() * dark).sum() / (3 * dark.sum() + 1)).item(),
            }
        )
        if batch_idx == 0:
            self.panel = [strip(x[:PANEL_FRAMES]) for x in (frames, decoded)]

    def on_validation_epoch_end(self) -> None:
        assert self.used is not None
        error, energy = (
            float(np.mean([v[k] for v in self.validation]))
            for k in ("squared_error", "black_energy")
        )
        use = self.used.float().mean().item()
        mean, square = torch.stack(self.moments).mean(0).cpu()
        constant = (square - mean.square()).mean().item()
        self.log_metrics(
            {
                "reconstruction_psnr": psnr(error),
                "constant_psnr": psnr(constant),
                "black_energy": energy,
                "codebook_use": use,
            }
        )

    def health(self) -> list[str]:
        """A codebook that is hardly used, or a reconstruction no better than one colour."""
        found = self.metrics
        if not found:
            return []
        gain = found["reconstruction_psnr"] - found["constant_psnr"]
        use = f"{found['codebook_use']:.0%} of the codes are in use"
        if gain < COLLAPSED:
            return [collapse(found["reconstruction_psnr"], gain, use)]
        if found["codebook_use"] >= FEW_CODES:
            return []
        return [f"only {use}; raise module.autoencoder.latent_channels, or train for longer"]

    def weights(self) -> dict[str, Tensor]:
        return self.autoencoder.state_dict()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """With the settings, so that the next rung needs the file alone."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["autoencoder"] = self.autoencoder.settings


def collapse(found: float, gain: float, use: str) -> str:
    """What to do about an autoencoder that shows one colour."""
    return (
        f"the autoencoder has collapsed: {found:.1f} dB is {gain:.1f} dB over the best constant "
        f"picture, and {use}; lower module.optimizer.lr or train for longer, with as many codes"
    )


def strip(frames: Tensor) -> np.ndarray:
    """Frames (N, 3, H, W) in [0, 1] side by side as uint8 (H, N W, 3)."""
    row = torch.cat(list(frames), dim=2).clamp(0, 1).mul(255).round().byte()
    return row.permute(1, 2, 0).cpu().numpy()
