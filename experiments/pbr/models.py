"""The networks: a SegFormer that says what a pixel is, and U-Nets that predict maps.

Each takes `weights`, a checkpoint to start from, so that a phase's file says where its networks
come from. A checkpoint of this project holds the trained one under `network.`.

# N images, H W height and width, K classes
"""

from collections.abc import Mapping, Sequence

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from pydantic import NonNegativeInt, PositiveInt
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from segmentation_models_pytorch.encoders import get_encoder
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.experiments.pbr.adapters import add_lora, load
from launch.experiments.pbr.encoders import around, known, load_encoder
from launch.experiments.pbr.layers import DOMAINS, SCALARS
from launch.experiments.pbr.padding import Padding, pad, padded
from launch.experiments.pbr.relief import relief_of
from launch.experiments.pbr.usual import Usual

IMAGE_CHANNELS = 6  # colour and normal
WIDTHS = (256, 128, 64, 32, 16)  # of the decoder's blocks
MARGIN = 0.02  # keeps the logit of a diffuse finite


class SegFormer(nn.Module):
    """Classes of pixels from diffuse and normal: (N, 6, H, W) -> logits (N, K, H, W).

    Xie et al., "SegFormer", 2021, on encoders of segmentation-models-pytorch.

    Args:
        encoder: `mit_b0`, `mit_b1`, `mit_b2`, ...
        lora_rank: of the adapters on the attention's q and kv; 0 for none.
        pretrained: file of encoder weights to start from, see `encoders`.
        weights: checkpoint to start from, and the part of it that holds this network.
    """

    def __init__(
        self,
        encoder: str = "mit_b1",
        classes: PositiveInt = 7,
        lora_rank: NonNegativeInt = 0,
        pretrained: str | None = None,
        weights: str | None = None,
        part: str = "network",
    ) -> None:
        super().__init__()
        self.classes = classes
        self.model = smp.Segformer(
            known(encoder), encoder_weights=None, in_channels=IMAGE_CHANNELS, classes=classes
        )
        load_encoder(self.model.encoder, pretrained)
        if lora_rank:
            add_lora(self.model, lora_rank)
        load(self, weights, part)

    def foreign(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A file of another library under the names of this network, see `encoders`."""
        return around(state, self, "model.encoder")

    def forward(self, image: Tensor) -> Tensor:
        self.model.check_input_shape(image)
        return self.model.segmentation_head(decoded(self.model.decoder, self.model.encoder(image)))


def decoded(decoder: SegformerDecoder, features: Sequence[Tensor]) -> Tensor:
    """What the library's decoder makes of an encoder's features, at a third of the cost.

    Its two first layers are linear and pixel by pixel, as enlarging is linear: they are one matrix
    for each stage, which is applied before that is enlarged.
    """
    fuse, norm, activation = decoder.fuse_stage
    assert isinstance(fuse, nn.Conv2d)
    size = [side // 4 for side in features[0].shape[-2:]]
    stages = [x for x in features[1:] if not _is_empty(x)][::-1]
    shares = fuse.weight.flatten(1).chunk(len(stages), dim=1)
    parts = []
    for mlp, share, x in zip(decoder.mlp_stage, shares, stages, strict=True):
        weight, bias = (share @ own for own in mlp.parameters())
        mixed = F.conv2d(x, weight[..., None, None], bias)
        parts.append(F.interpolate(mixed, size, mode="bilinear"))
    return activation(norm(sum(parts[1:], parts[0])))


class FiLM(nn.Module):
    """Scale and shift of features by a condition: x (1 + tanh(gamma)) + beta.

    Perez et al., 2018. Starts as the identity, so that it can be there, frozen, from the first
    phase on.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.affine = nn.Conv2d(condition, 2 * channels, 1)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        resized = F.interpolate(condition, x.shape[-2:], mode="bilinear", align_corners=False)
        gamma, beta = self.affine(resized).chunk(2, dim=1)
        return x * (1 + gamma.tanh()) + beta


class Decoder(UnetDecoder):
    """The decoder of segmentation-models-pytorch, with a branch that sees the input.

    The library's gets nothing finer than half the resolution from its encoder. The branch is mixed
    with its result and stands beside it: fine detail and regions have channels of their own.

    Args:
        channels: of the encoder's stages, the input first.
        detail: channels of the branch; 0 for the library's decoder.

    Attributes:
        width: channels of the result.
    """

    def __init__(self, channels: Sequence[int], detail: int) -> None:
        super().__init__(channels, WIDTHS, n_blocks=len(WIDTHS))
        self.width = WIDTHS[-1] + detail
        if detail:
            self.detail = nn.Sequential(
                *convolution(channels[0], detail), *convolution(detail, detail)
            )
            self.mix = nn.Sequential(*convolution(self.width, detail))

    def forward(self, features: list[Tensor]) -> Tensor:
        coarse = super().forward(features)
        if self.width == WIDTHS[-1]:
            return coarse
        fine = self.mix(torch.cat([coarse, self.detail(features[0])], dim=1))
        return torch.cat([coarse, fine], dim=1)


def convolution(channels: int, result: int) -> list[nn.Module]:
    """3x3, with norm and ReLU."""
    bare = nn.Conv2d(channels, result, 3, padding=1, bias=False)
    return [bare, nn.BatchNorm2d(result), nn.ReLU(inplace=True)]


class MaterialUNet(nn.Module):
    """A U-Net with one output convolution per map, conditioned by FiLM on its encoder's features.

    Args:
        outputs: maps and their channels.
        condition: channels of the condition: class probabilities and the domain.
        detail: channels of a branch at full resolution, see `Decoder`.
        padding: what convolutions see beyond the border.
        pretrained: file of encoder weights to start from, see `encoders`.
        weights: checkpoint to start from, and the part of it that holds this network.
    """

    def __init__(
        self,
        outputs: Mapping[str, int],
        channels: int,
        encoder: str,
        classes: int,
        detail: int,
        padding: Padding,
        pretrained: str | None,
        weights: str | None,
        part: str,
    ) -> None:
        super().__init__()
        self.encoder = get_encoder(known(encoder), in_channels=channels, weights=None)
        load_encoder(self.encoder, pretrained)
        self.decoder = Decoder(self.encoder.out_channels, detail)
        condition = classes + len(DOMAINS)
        stages = self.encoder.out_channels[1:]
        self.film = nn.ModuleList(FiLM(c, condition) if c else nn.Identity() for c in stages)
        self.heads = nn.ModuleDict(
            {name: nn.Conv2d(self.decoder.width, c, 3, padding=1) for name, c in outputs.items()}
        )
        pad(self.encoder, padding)
        pad(self.decoder, padding)
        self.padding: Padding = padding
        load(self, weights, part)

    def foreign(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A file of another library under the names of this network, see `encoders`."""
        return around(state, self, "encoder")

    def features(self, image: Tensor, condition: Tensor | None) -> Tensor:
        """What the heads read, (N, C, H, W). Without a condition FiLM is passed by.

        Raises:
            ConfigError: if the encoder's last stage has no neighbour to mirror.
        """
        least = self.encoder.output_stride + 1
        if self.padding == "reflect" and min(image.shape[-2:]) < least:
            raise ConfigError(
                f"padding=reflect mirrors pixels, which takes images of at least {least} pixels a "
                f"side with this encoder, got {' x '.join(map(str, image.shape[-2:]))}; raise "
                "data.feed, or take recipe.padding=circular"
            )
        stages = list(self.encoder(image))
        if condition is not None:
            films = zip(self.film, stages[1:], strict=True)
            stages[1:] = [x if _is_empty(x) else film(x, condition) for film, x in films]
        return self.decoder(stages)

    def raw(self, features: Tensor) -> dict[str, Tensor]:
        """What each head makes of the features; one convolution costs less than four."""
        heads = [head for head in self.heads.values() if isinstance(head, nn.Conv2d)]
        weight = torch.cat([head.weight for head in heads])
        bias = torch.cat([head.bias for head in heads if head.bias is not None])
        found = F.conv2d(padded(features, self.padding), weight, bias)
        parts = found.split([head.out_channels for head in heads], dim=1)
        return dict(zip(self.heads, parts, strict=True))


def _is_empty(x: Tensor) -> bool:
    """A stage that an encoder lacks; Mix transformers have none at half the resolution."""
    return x.shape[1] == 0


class AlbedoUNet(MaterialUNet):
    """Albedo from diffuse and normal: (N, 6, H, W) -> (N, 3, H, W) in [0, 1].

    Predicts what to change: sigmoid(logit(diffuse) + output). Where the textures already are
    almost free of light, as in clean sets, the network has nothing to learn by heart.
    """

    def __init__(
        self,
        encoder: str = "mit_b1",
        classes: PositiveInt = 7,
        detail: NonNegativeInt = 16,
        padding: Padding = "circular",
        pretrained: str | None = None,
        weights: str | None = None,
        part: str = "network",
    ) -> None:
        outputs = {"albedo": 3}
        channels = IMAGE_CHANNELS
        super().__init__(
            outputs, channels, encoder, classes, detail, padding, pretrained, weights, part
        )

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        change = self.raw(self.features(image, condition))["albedo"]
        return torch.sigmoid(torch.logit(image[:, :3], eps=MARGIN) + change)


class MapsUNet(MaterialUNet):
    """Four maps from albedo and normal; metallic as a logit, AO and height without bounds.

    Predicts what to change of the maps that are usual for such a texture, and starts from those. AO
    is 1 almost everywhere: behind a sigmoid the L1 drives it to 1 for good.

    Args:
        relief: see the height that the normals add up to, see `relief`.
        usual: false to start from nothing.
    """

    def __init__(
        self,
        encoder: str = "mit_b1",
        classes: PositiveInt = 7,
        detail: NonNegativeInt = 16,
        padding: Padding = "circular",
        relief: bool = True,
        usual: bool = True,
        pretrained: str | None = None,
        weights: str | None = None,
        part: str = "network",
    ) -> None:
        outputs: dict[str, int] = dict.fromkeys(SCALARS, 1)
        channels = IMAGE_CHANNELS + relief
        super().__init__(
            outputs, channels, encoder, classes, detail, padding, pretrained, None, part
        )
        self.relief, self.usual = relief, Usual(classes) if usual else None
        for parameter in self.heads.parameters():
            nn.init.zeros_(parameter)
        load(self, weights, part)

    def forward(
        self, image: Tensor, condition: Tensor | None = None, relief: Tensor | None = None
    ) -> dict[str, Tensor]:
        """
        Args:
            relief: that of a larger picture, (N, 1, H, W); null for that of the image alone.
        """
        start: Mapping[str, Tensor | int] = dict.fromkeys(SCALARS, 0)
        if self.usual is not None:
            start = self.usual(image.detach(), condition)
        if self.relief:
            seen = relief_of(image[:, 3:]) if relief is None else relief
            image = torch.cat([image, seen], dim=1)
        changes = self.raw(self.features(image, condition))
        maps = {name: start[name] + change for name, change in changes.items()}
        return maps | {"roughness": maps["roughness"].sigmoid()}


def condition_of(logits: Tensor, game: Tensor) -> Tensor:
    """What FiLM is conditioned on: class probabilities and domain, (N, K + 2, H, W), detached.

    Args:
        game: (N,) 1 for textures of the game, 0 for clean ones.
    """
    probabilities = logits.detach().softmax(dim=1)
    domain = torch.stack([1 - game, game], dim=1)[:, :, None, None]
    return torch.cat([probabilities, domain.expand(-1, -1, *logits.shape[-2:])], dim=1)
