"""The autoencoders of taming-transformers and latent-diffusion, under their own tensor names.

Esser et al. 2021 and Rombach et al. 2022: residual blocks with group norms, single-head
attention in the middle and at chosen levels; vectors are quantised by their nearest code (VQ), by
scores for the codes (Gumbel), or not at all (KL). The architecture is read off the tensors.
"""

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# B batch, D latent channels, h w latent cells, H W pixels, K codes

State = Mapping[str, Tensor]


class LatentDiffusionAutoencoder(nn.Module):
    """Frames (B, 3, H, W) in [0, 1] to latents before quantisation, and latents to frames.

    The latent of a KL autoencoder is the mean of its posterior.

    Args:
        state: tensors under the names of taming-transformers, of which the shapes are taken.
        groups: of the group norms.
    """

    def __init__(self, state: State, groups: int = 32) -> None:
        super().__init__()
        build = _Builder(state, groups)
        self.encoder = Half(build, "encoder", "down", "downsample")
        self.decoder = Half(build, "decoder", "up", "upsample")
        self.quant_conv = build.conv_or_nothing("quant_conv")
        self.post_quant_conv = build.conv_or_nothing("post_quant_conv")
        self.quantize = quantiser(build)
        entrance = "post_quant_conv" if build.has("post_quant_conv") else "decoder.conv_in"
        self.latent_channels = build.shape(entrance)[1]
        self.factor = 2 ** (len(self.encoder.levels) - 1)

    def encode(self, frames: Tensor) -> Tensor:
        """Latents (B, D, h, w) before quantisation."""
        x = self.encoder.conv_in(frames * 2 - 1)
        for level in self.encoder.levels:
            x = level(x)
        moments = self.quant_conv(self.encoder.tail(self.encoder.mid(x)))
        return moments[:, : self.latent_channels]

    def decode(self, latent: Tensor) -> Tensor:
        """Frames of latents, which are quantised first; roughly in [0, 1]."""
        x = self.post_quant_conv(self.quantize(latent))
        x = self.decoder.mid(self.decoder.conv_in(x))
        for level in reversed(self.decoder.levels):
            x = level(x)
        return (self.decoder.tail(x) + 1) / 2


def quantiser(build: "_Builder") -> nn.Module:
    if build.has("quantize.embedding"):
        return Codes(*build.shape("quantize.embedding"))
    if build.has("quantize.embed"):
        return ScoredCodes(build.conv("quantize.proj"), *build.shape("quantize.embed"))
    return nn.Identity()


class Codes(nn.Module):
    """Replaces each vector of a latent by the nearest of K codes."""

    def __init__(self, codes: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, channels)

    def forward(self, latent: Tensor) -> Tensor:
        codes = self.embedding.weight
        rows = latent.movedim(1, -1)
        flat = rows.reshape(-1, rows.shape[-1])
        nearest = (codes.square().sum(1) - 2 * flat @ codes.T).argmin(1)
        return codes[nearest].view(rows.shape).movedim(-1, 1)


class ScoredCodes(nn.Module):
    """Replaces each vector of a latent by the code of highest score: Gumbel VQ without noise."""

    def __init__(self, proj: nn.Conv2d, codes: int, channels: int) -> None:
        super().__init__()
        self.proj, self.embed = proj, nn.Embedding(codes, channels)

    def forward(self, latent: Tensor) -> Tensor:
        return self.embed.weight[self.proj(latent).argmax(1)].movedim(-1, 1)


class Half(nn.Module):
    """The encoder or the decoder; `levels` are in the order of their numbers."""

    def __init__(self, build: "_Builder", name: str, levels: str, resampling: str) -> None:
        super().__init__()
        self.conv_in, self.conv_out = (build.conv(f"{name}.conv_{p}") for p in ("in", "out"))
        self.norm_out, self.mid = build.norm(f"{name}.norm_out"), Middle(build, f"{name}.mid")
        count = build.count(f"{name}.{levels}")
        self.levels = [Level(build, f"{name}.{levels}.{i}", resampling) for i in range(count)]
        self.add_module(levels, nn.ModuleList(self.levels))

    def tail(self, x: Tensor) -> Tensor:
        return self.conv_out(F.silu(self.norm_out(x)))


class Middle(nn.Module):
    """Two blocks at the lowest resolution, with attention between them if there is some."""

    def __init__(self, build: "_Builder", name: str) -> None:
        super().__init__()
        self.block_1, self.block_2 = (Block(build, f"{name}.block_{i}") for i in (1, 2))
        attends = build.has(f"{name}.attn_1.q")
        self.attn_1 = Attention(build, f"{name}.attn_1") if attends else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class Resampling(nn.Module):
    """The convolution before halving or after doubling the resolution."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        halves = self.conv.stride[0] > 1
        return self.conv(F.pad(x, (0, 1, 0, 1)) if halves else F.interpolate(x, scale_factor=2))


class Level(nn.Module):
    """The blocks of one resolution, each with an attention or none has; and the resampling."""

    def __init__(self, build: "_Builder", name: str, resampling: str) -> None:
        super().__init__()
        blocks, attentions = build.count(f"{name}.block"), build.count(f"{name}.attn")
        self.block = nn.ModuleList(Block(build, f"{name}.block.{i}") for i in range(blocks))
        self.attn = nn.ModuleList(Attention(build, f"{name}.attn.{i}") for i in range(attentions))
        self.resampling: list[nn.Module] = []
        if build.has(f"{name}.{resampling}.conv"):
            last = Resampling(build.conv(f"{name}.{resampling}.conv"))
            self.add_module(resampling, last)
            self.resampling.append(last)

    def forward(self, x: Tensor) -> Tensor:
        attentions = list(self.attn) or [nn.Identity()] * len(self.block)
        for block, attention in zip(self.block, attentions, strict=True):
            x = attention(block(x))
        for resampling in self.resampling:
            x = resampling(x)
        return x


class Block(nn.Module):
    """A residual block; `nin_shortcut` where the number of channels changes."""

    def __init__(self, build: "_Builder", name: str) -> None:
        super().__init__()
        self.norm1, self.conv1 = build.norm(f"{name}.norm1"), build.conv(f"{name}.conv1")
        self.norm2, self.conv2 = build.norm(f"{name}.norm2"), build.conv(f"{name}.conv2")
        shortcut = f"{name}.nin_shortcut"
        self.nin_shortcut = build.conv(shortcut) if build.has(shortcut) else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(F.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(F.silu(self.norm2(inner)))


class Attention(nn.Module):
    """Single-head attention over the pixels, with 1 x 1 convolutions."""

    def __init__(self, build: "_Builder", name: str) -> None:
        super().__init__()
        self.norm = build.norm(f"{name}.norm")
        self.q, self.k, self.v, self.proj_out = (
            build.conv(f"{name}.{part}") for part in ("q", "k", "v", "proj_out")
        )

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        q, k, v = (part(normed).flatten(2).mT for part in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.mT.reshape(x.shape))


class _Builder:
    """Makes layers in the shapes of the tensors of a state."""

    def __init__(self, state: State, groups: int) -> None:
        self.state, self.groups = state, groups

    def has(self, name: str) -> bool:
        return f"{name}.weight" in self.state

    def shape(self, name: str) -> torch.Size:
        return self.state[f"{name}.weight"].shape

    def count(self, prefix: str) -> int:
        """How many `prefix.0`, `prefix.1`, ... there are."""
        pattern = re.compile(rf"{re.escape(prefix)}\.(\d+)\.")
        return len({match[1] for name in self.state if (match := pattern.match(name))})

    def norm(self, name: str) -> nn.GroupNorm:
        return nn.GroupNorm(self.groups, self.shape(name)[0], eps=1e-6)

    def conv(self, name: str) -> nn.Conv2d:
        """A convolution that keeps the size, but the downsampling one, which is padded apart."""
        outputs, inputs, size, _ = self.shape(name)
        if name.endswith("downsample.conv"):
            return nn.Conv2d(inputs, outputs, size, stride=2)
        return nn.Conv2d(inputs, outputs, size, padding=size // 2)

    def conv_or_nothing(self, name: str) -> nn.Module:
        return self.conv(name) if self.has(name) else nn.Identity()
