"""A frozen autoencoder as a pair of maps between frames and standardised latents."""

from typing import Any

import torch
from torch import Tensor, nn

# B clips, T frames, D latent channels, h w latent cells

FRAMES_AT_ONCE = 256


class Latents(nn.Module):
    """The frozen autoencoder and the statistics of its latents, which checkpoints keep.

    Args:
        autoencoder: never trained. Its `encode` makes latents before quantisation of frames
            (N, 3, H, W) in [0, 1], its `decode` frames of latents.
        gigabytes: encoded training frames that are kept; others are encoded again.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, autoencoder: nn.Module, gigabytes: float) -> None:
        super().__init__()
        self.autoencoder = autoencoder.requires_grad_(False).eval()
        channels = int(autoencoder.latent_channels)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("deviation", torch.zeros(1, channels, 1, 1))
        self.left = gigabytes * 1e9
        self.kept: dict[str, Tensor] = {}
        self._black: dict[tuple[int, int], Tensor] = {}

    @torch.no_grad()
    def encode(self, frames: Tensor) -> Tensor:
        """Raw latents (B, T, D, h, w) of frames (B, T, 3, H, W), uint8 or in [0, 1].

        In full precision, a clip at a time, so that they do not depend on the batch.
        """
        with torch.autocast(frames.device.type, enabled=False):
            clips = [self.autoencoder.encode(as_float(clip)) for clip in frames]  # type: ignore[operator]
        return torch.stack(clips)

    def encode_kept(self, frames: Tensor, names: list[str]) -> Tensor:
        """Raw latents (N, D, h, w) of frames (N, 3, H, W) that have names.

        Each is encoded once while memory lasts, and alone, so that it does not depend on others.
        """
        rows: list[Any] = [self.kept.get(name) for name in names]
        for i, name in enumerate(names):
            if rows[i] is None:
                rows[i] = self.encode(frames[i][None, None])[0, 0]
                self.keep(name, rows[i])
        return torch.stack(rows)

    def keep(self, name: str, latent: Tensor) -> None:
        if self.left > latent.nbytes:
            self.left -= latent.nbytes
            self.kept[name] = latent

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Frames (B, T, 3, H, W) in [0, 1] of standardised latents."""
        raw = (latents.float() * self.deviation + self.mean).flatten(0, 1)
        with torch.autocast(latents.device.type, enabled=False):
            parts = [self.autoencoder.decode(part) for part in raw.split(FRAMES_AT_ONCE)]  # type: ignore[operator]
        return torch.cat(parts).clamp(0, 1).unflatten(0, latents.shape[:2])

    def standardise(self, raw: Tensor) -> Tensor:
        """Each channel to mean 0 and deviation 1 over the training data."""
        return (raw - self.mean) / self.deviation

    @property
    def measured(self) -> bool:
        return bool((self.deviation > 0).any())

    def measure(self, raw: Tensor) -> None:
        """Take mean and deviation of each channel from latents (B, T, D, h, w)."""
        flat = raw.flatten(0, 1)
        self.mean.copy_(flat.mean((0, 2, 3), keepdim=True))
        self.deviation.copy_(flat.std((0, 2, 3), keepdim=True).clamp_min(1e-4))

    def black(self, height: int, width: int) -> Tensor:
        """Raw latent (1, D, h, w) of a black image of this size."""
        if (height, width) not in self._black:
            image = torch.zeros(1, 1, 3, height, width, device=self.mean.device)
            self._black[height, width] = self.encode(image)[0]
        return self._black[height, width]


def as_float(frames: Tensor) -> Tensor:
    """Frames in [0, 1]."""
    return frames / 255 if frames.dtype == torch.uint8 else frames
