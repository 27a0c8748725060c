"""The VQ autoencoder of taming-transformers and latent-diffusion, under its own tensor names.

Esser et al. 2021 and Rombach et al. 2022: residual blocks with group norms, single-head
attention in the middle and at chosen levels. The architecture is read off the tensors.
"""

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# B batch, D latent channels, h w latent cells, H W pixels, K codes

State = Mapping[str, Tensor]


class LatentDiffusionVQ(nn.Module):
    """Frames (B, 3, H, W) in [0, 1] to latents before quantisation, and latents to frames.

    Args:
        state: tensors under the names of taming-transformers, of which the shapes are taken.
        groups: of the group norms.
    """

    def __init__(self, state: State, groups: int = 32) -> None:
        super().__init__()
        build = _Builder(state, groups)
        self.encoder, self.decoder = build.encoder(), build.decoder()
        self.quant_conv = build.conv("quant_conv")
        self.post_quant_conv = build.conv("post_quant_conv")
        self.quantize = nn.ModuleDict(
            {"embedding": nn.Embedding(*build.shape("quantize.embedding"))}
        )
        self.latent_channels = self.quant_conv.out_channels
        self.factor = 2 ** (len(self.encoder["down"]) - 1)  # type: ignore[arg-type]

    def encode(self, frames: Tensor) -> Tensor:
        """Latents (B, D, h, w) before quantisation."""
        x = self.encoder["conv_in"](frames * 2 - 1)
        for level in self.encoder["down"]:  # type: ignore[union-attr]
            x = _level(level, x)
            if "downsample" in level:
                x = level["downsample"]["conv"](F.pad(x, (0, 1, 0, 1)))
        return self.quant_conv(_tail(self.encoder, _middle(self.encoder["mid"], x)))

    def decode(self, latent: Tensor) -> Tensor:
        """Frames of latents, which are quantised first; roughly in [0, 1]."""
        codes = self.quantize["embedding"].weight
        rows = latent.movedim(1, -1)
        flat = rows.reshape(-1, rows.shape[-1])
        nearest = (codes.square().sum(1) - 2 * flat @ codes.T).argmin(1)
        x = self.post_quant_conv(codes[nearest].view(rows.shape).movedim(-1, 1))
        x = _middle(self.decoder["mid"], self.decoder["conv_in"](x))
        for level in reversed(self.decoder["up"]):  # type: ignore[arg-type]
            x = _level(level, x)
            if "upsample" in level:
                x = level["upsample"]["conv"](F.interpolate(x, scale_factor=2))
        return (_tail(self.decoder, x) + 1) / 2


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

    def encoder(self) -> nn.ModuleDict:
        return self.half("encoder", "down", "downsample")

    def decoder(self) -> nn.ModuleDict:
        return self.half("decoder", "up", "upsample")

    def half(self, name: str, levels: str, resampling: str) -> nn.ModuleDict:
        """The encoder or the decoder."""
        parts = {part: self.conv(f"{name}.{part}") for part in ("conv_in", "conv_out")}
        middle = {f"block_{i}": Block(self, f"{name}.mid.block_{i}") for i in (1, 2)}
        if self.has(f"{name}.mid.attn_1.q"):
            middle["attn_1"] = Attention(self, f"{name}.mid.attn_1")  # type: ignore[assignment]
        count = self.count(f"{name}.{levels}")
        stages = nn.ModuleList(self.level(f"{name}.{levels}.{i}", resampling) for i in range(count))
        return nn.ModuleDict(
            {**parts, "mid": nn.ModuleDict(middle), levels: stages}
            | {"norm_out": self.norm(f"{name}.norm_out")}
        )

    def level(self, name: str, resampling: str) -> nn.ModuleDict:
        """The blocks of one resolution, their attentions if there are, and the resampling."""
        blocks, attentions = self.count(f"{name}.block"), self.count(f"{name}.attn")
        parts: dict[str, nn.Module] = {
            "block": nn.ModuleList(Block(self, f"{name}.block.{j}") for j in range(blocks)),
            "attn": nn.ModuleList(Attention(self, f"{name}.attn.{j}") for j in range(attentions)),
        }
        if self.has(f"{name}.{resampling}.conv"):
            conv = self.conv(f"{name}.{resampling}.conv")
            parts[resampling] = nn.ModuleDict({"conv": conv})
        return nn.ModuleDict(parts)


def _level(level: nn.ModuleDict, x: Tensor) -> Tensor:
    attentions = list(level["attn"]) or [nn.Identity()] * len(level["block"])  # type: ignore[arg-type]
    for block, attention in zip(level["block"], attentions, strict=True):  # type: ignore[arg-type]
        x = attention(block(x))
    return x


def _middle(middle: nn.ModuleDict, x: Tensor) -> Tensor:
    for name in ("block_1", "attn_1", "block_2"):
        x = middle[name](x) if name in middle else x
    return x


def _tail(half: nn.ModuleDict, x: Tensor) -> Tensor:
    return half["conv_out"](F.silu(half["norm_out"](x)))
