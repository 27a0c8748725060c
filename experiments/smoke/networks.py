"""Networks of the flow: noisy latent, conditioning and time to velocity."""

import math

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from launch.errors import ConfigError

# B batch, D latent channels, h w latent cells, L = h * w, E width

FREQUENCIES = 32


class Moments(nn.Module):
    """Time t in [0, 1] and the distance of the context, both (B,), to (B, E)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.time = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.distance = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor, distance: Tensor) -> Tensor:
        scale = torch.arange(FREQUENCIES, device=t.device) / FREQUENCIES
        angles = 1000 * t.float()[:, None] * torch.exp(-math.log(10_000) * scale)
        waves = torch.cat([angles.sin(), angles.cos()], 1)
        return self.time(waves) + self.distance(distance.float().log()[:, None])


class Modulated(nn.Module):
    """A residual convolution whose normalised input is scaled and shifted by the moment."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.moment = nn.Linear(width, 2 * width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, moment: Tensor) -> Tensor:
        scale, shift = self.moment(moment)[:, :, None, None].chunk(2, 1)
        inner = F.silu(self.norm(x) * (1 + scale) + shift)
        return x + self.second(F.silu(self.first(inner)))


class ConvUNet(nn.Module):
    """Convolutions at two resolutions: fast on a CPU, and enough for small grids.

    Args:
        latent_channels: D.
        width: channels E, a multiple of 8.
        blocks: residual blocks at each of the four stages (in, twice coarse, out).
    """

    def __init__(
        self, latent_channels: PositiveInt, width: PositiveInt = 64, blocks: PositiveInt = 1
    ) -> None:
        super().__init__()
        self.latent_channels = latent_channels
        self.moments = Moments(width)
        self.stem = nn.Conv2d(3 * latent_channels, width, 3, padding=1)
        self.down = nn.Conv2d(width, width, 4, stride=2, padding=1)
        self.merge = nn.Conv2d(2 * width, width, 1)
        stages = (blocks, 2 * blocks, blocks)
        self.stages = nn.ModuleList(
            nn.ModuleList(Modulated(width) for _ in range(n)) for n in stages
        )
        self.head = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU())
        self.out = nn.Conv2d(width, latent_channels, 3, padding=1)
        _set_to_zero(self.out)

    def forward(
        self, x: Tensor, reference: Tensor, context: Tensor, t: Tensor, distance: Tensor
    ) -> Tensor:
        """Velocity (B, D, h, w) of x given two earlier latents."""
        moment = self.moments(t, distance)
        fine, coarse, out = self.stages
        x = self.stem(torch.cat([x, reference, context], 1))
        skip = x = _through(fine, x, moment)
        x = _through(coarse, self.down(x), moment)
        x = self.merge(torch.cat([F.interpolate(x, size=skip.shape[-2:]), skip], 1))
        return self.out(self.head(_through(out, x, moment)))


class Attention(nn.Module):
    """Multi-head attention and a four times wider perceptron, each on normalised tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norms[0](x)).view(batch, tokens, 3, self.heads, -1)
        attended = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
        x = x + self.merge(attended.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.mlp(self.norms[1](x))


class UTransformer(nn.Module):
    """A transformer over the latent cells whose second half sees the first through long skips.

    Bao et al., "All are Worth Words", CVPR 2023: time and distance are a token of their own.

    Args:
        latent_channels: D.
        cells: L, the number of latent cells, for the learned positions.
        width, heads: E, and the heads it is split into.
        depth: layers before and after the middle.
        middle: layers in the middle.
    """

    def __init__(
        self,
        latent_channels: PositiveInt,
        cells: PositiveInt = 64,
        width: PositiveInt = 512,
        heads: PositiveInt = 8,
        depth: PositiveInt = 6,
        middle: PositiveInt = 2,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError(f"width {width} is not a multiple of heads {heads}")
        self.latent_channels = latent_channels
        self.moments = Moments(width)
        self.stem = nn.Linear(3 * latent_channels, width)
        self.positions = nn.Parameter(0.02 * torch.randn(cells, width))
        self.first = nn.ModuleList(Attention(width, heads) for _ in range(depth))
        self.middle = nn.ModuleList(Attention(width, heads) for _ in range(middle))
        self.second = nn.ModuleList(Attention(width, heads) for _ in range(depth))
        self.skips = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(depth))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, latent_channels)
        _set_to_zero(self.out)

    def forward(
        self, x: Tensor, reference: Tensor, context: Tensor, t: Tensor, distance: Tensor
    ) -> Tensor:
        """Velocity (B, D, h, w) of x given two earlier latents."""
        size = x.shape[-2:]
        if size.numel() != len(self.positions):
            raise ConfigError(
                f"the latents have {size[0]} x {size[1]} cells and the network "
                f"{len(self.positions)}; set module.network.cells={size.numel()}"
            )
        cells = torch.cat([x, reference, context], 1).flatten(2).transpose(1, 2)
        moment = self.moments(t, distance)[:, None]
        tokens = torch.cat([moment, self.stem(cells) + self.positions], 1)
        kept = []
        for layer in self.first:
            tokens = layer(tokens)
            kept.append(tokens)
        for layer in self.middle:
            tokens = layer(tokens)
        for layer, skip in zip(self.second, self.skips, strict=True):
            tokens = layer(skip(torch.cat([tokens, kept.pop()], -1)))
        return self.out(self.norm(tokens[:, 1:])).transpose(1, 2).unflatten(2, size)


def _set_to_zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def _through(blocks: nn.Module, x: Tensor, moment: Tensor) -> Tensor:
    for block in blocks:  # type: ignore[union-attr]
        x = block(x, moment)
    return x
