"""A small VQGAN: frames to a grid of latents and back through a codebook.

Esser, Rombach and Ommer, "Taming Transformers", CVPR 2021, without attention and without norms
over the image, so that a latent depends on its surroundings only: far from smoke, black is one
and the same latent.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.tools import ranks

# B batch, D latent channels, h w latent cells, H W pixels, N vectors, K codes


FRESH = 1.25  # uses of a new code over `rarest`: it moves quickly, and soon starts again if unused


THEIRS = (
    "decoder.conv_in.weight"  # in every VQ and KL autoencoder of taming-transformers, diffusers
)


class ChannelNorm(nn.Module):
    """Each pixel's channels to a root mean square of 1, times a learned gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-3) * self.gain


class Residual(nn.Module):
    """x + conv(silu(conv(silu(norm x)))); the identity at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.first, self.second = _conv(channels, channels), _conv(channels, channels)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(self.norm(x)))))


class Codebook(nn.Module):
    """K vectors that follow the means of what is nearest to them.

    Van den Oord et al., NeurIPS 2017, appendix A.1: exponential moving averages instead of a
    gradient. A code that has become too rare starts again at a random latent of the batch, as in
    Dhariwal et al., "Jukebox", 2020; all codes do so in the first batch.

    Args:
        codes, channels: K and D.
        decay: of the averages, per batch.
        rarest: average uses per batch below which a code starts again.
    """

    vectors: Tensor
    uses: Tensor
    sums: Tensor

    def __init__(
        self,
        codes: PositiveInt,
        channels: PositiveInt,
        decay: float = 0.99,
        rarest: PositiveFloat = 0.1,
    ) -> None:
        super().__init__()
        self.decay, self.rarest = decay, rarest
        self.register_buffer("vectors", torch.zeros(codes, channels))
        self.register_buffer("uses", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, channels))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Numbers (N,) of the codes nearest to (N, D)."""
        codes = self.vectors
        return (codes.square().sum(1) - 2 * vectors @ codes.T).argmin(1)

    def numbers(self, latent: Tensor) -> Tensor:
        """Code numbers (B, h, w) of latents (B, D, h, w)."""
        rows = latent.float().movedim(1, -1)
        return self.nearest(rows.reshape(-1, rows.shape[-1])).view(rows.shape[:-1])

    def forward(self, latent: Tensor) -> Tensor:
        """The latent (B, D, h, w) with each vector replaced by its code; learns when training."""
        rows = latent.detach().float().movedim(1, -1)
        vectors = rows.reshape(-1, rows.shape[-1])
        if self.training:
            self.learn(vectors, cells=len(vectors) // len(latent))
        codes = self.vectors[self.nearest(vectors)]
        return codes.view(rows.shape).movedim(-1, 1).to(latent.dtype)

    @torch.no_grad()
    def learn(self, vectors: Tensor, cells: int) -> None:
        """Restart rare codes, then move all towards the means of their vectors (N, D).

        Args:
            cells: vectors of each sample.
        """
        rare = (self.uses < self.rarest)[:, None]
        drawn = any_of(vectors, len(rare), cells)
        fresh = FRESH * self.rarest  # without indexing by a mask, for which a GPU has to wait
        self.vectors.copy_(torch.where(rare, drawn, self.vectors))
        self.sums.copy_(torch.where(rare, drawn * fresh, self.sums))
        self.uses.copy_(torch.where(rare[:, 0], fresh, self.uses))
        numbers = self.nearest(vectors)
        uses = torch.zeros_like(self.uses).index_add_(0, numbers, torch.ones_like(vectors[:, 0]))
        sums = torch.zeros_like(self.sums).index_add_(0, numbers, vectors)
        self.uses.lerp_(ranks.count() * ranks.mean(uses), 1 - self.decay)
        self.sums.lerp_(ranks.count() * ranks.mean(sums), 1 - self.decay)
        self.vectors.copy_(self.sums / self.uses.clamp_min(1e-6)[:, None])


def any_of(vectors: Tensor, count: int, cells: int) -> Tensor:
    """Vectors at random places of the whole batch, which all ranks draw and each has a part of."""
    device = vectors.device
    total = len(vectors) * ranks.count()
    places = torch.randint(total, (count,), generator=ranks.generator(device), device=device)
    samples, cell = places // cells, places % cells
    found = vectors[samples // ranks.count() * cells + cell]
    return ranks.count() * ranks.mean(found * ranks.is_mine(samples)[:, None])


class VQAutoencoder(nn.Module):
    """Frames (B, 3, H, W) in [0, 1] to latents (B, D, H / f, W / f) with f = 2^halvings.

    Args:
        channels: at full resolution; one more multiple of it after each halving.
        halvings: 2 for f = 4, 3 for f = 8.
        latent_channels, codes: D and K.
        blocks: residual blocks at each resolution below the full one.
    """

    def __init__(
        self,
        channels: PositiveInt = 32,
        halvings: PositiveInt = 2,
        latent_channels: PositiveInt = 8,
        codes: PositiveInt = 256,
        blocks: PositiveInt = 1,
    ) -> None:
        super().__init__()
        self.settings = {
            "channels": channels,
            "halvings": halvings,
            "latent_channels": latent_channels,
            "codes": codes,
            "blocks": blocks,
        }
        widths = [channels * (1 + i) for i in range(halvings + 1)]
        self.encoder = _encoder(widths, latent_channels, blocks)
        self.codebook = Codebook(codes, latent_channels)
        self.decoder = _decoder(widths, latent_channels, blocks)
        self.latent_channels, self.factor = latent_channels, 2**halvings

    def foreign(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """No other program has this architecture.

        Raises:
            ConfigError: for an autoencoder of another program, which is used as it is.
        """
        if any(name.endswith(THEIRS) for name in state):
            raise ConfigError(
                "this model file is an autoencoder of another program, which is not trained here "
                "but used as it is: +experiment=smoke/weighted module.autoencoder=FILE"
            )
        return {}

    def encode(self, frames: Tensor) -> Tensor:
        """Latents before quantisation."""
        height, width = frames.shape[-2:]
        if height % self.factor or width % self.factor:
            raise ConfigError(
                f"frames of {width}x{height} do not fit an autoencoder that shrinks {self.factor} "
                f"times; set data.size to a multiple of {self.factor}"
            )
        return self.encoder(frames * 2 - 1)

    def decode(self, latent: Tensor) -> Tensor:
        """Frames of latents, which are quantised first; roughly in [0, 1]."""
        return (self.decoder(self.codebook(latent)) + 1) / 2

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        """`reconstruction`, `latent` and its `codes`; gradients pass the codebook straight."""
        latent = self.encode(frames)
        codes = self.codebook(latent)
        through = latent + (codes - latent).detach()
        return {
            "reconstruction": (self.decoder(through) + 1) / 2,
            "latent": latent,
            "codes": codes,
        }


def _encoder(widths: list[int], latent_channels: int, blocks: int) -> nn.Sequential:
    layers: list[nn.Module] = [_conv(3, widths[0]), nn.SiLU()]
    for narrow, wide in pairwise(widths):
        layers += [_conv(narrow, wide, size=4, stride=2), *(Residual(wide) for _ in range(blocks))]
    return nn.Sequential(
        *layers, ChannelNorm(widths[-1]), nn.SiLU(), _conv(widths[-1], latent_channels)
    )


def _decoder(widths: list[int], latent_channels: int, blocks: int) -> nn.Sequential:
    layers: list[nn.Module] = [_conv(latent_channels, widths[-1])]
    for wide, narrow in pairwise(widths[::-1]):
        layers += [*(Residual(wide) for _ in range(blocks)), nn.Upsample(scale_factor=2)]
        layers += [_conv(wide, narrow)]
    return nn.Sequential(*layers, ChannelNorm(widths[0]), nn.SiLU(), _conv(widths[0], 3))


def _conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    """Beyond its border an image goes on as at its border, so that black stays black."""
    return nn.Conv2d(inputs, outputs, size, stride, padding=1, padding_mode="replicate")
