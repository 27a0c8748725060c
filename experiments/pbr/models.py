"""The networks: a SegFormer that says what a pixel is, and U-Nets that predict maps.

Each takes `weights`, a checkpoint to start from, so that a phase's file says where its networks
come from. A checkpoint of this project holds the trained one under `network.`.

# N images, H W height and width, K classes
"""

from collections.abc import Mapping
from typing import Literal

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from launch.experiments.pbr.adapters import add_lora, load
from launch.experiments.pbr.layers import DOMAINS
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

IMAGE_CHANNELS = 6  # colour and normal
HEAD_CHANNELS = 16  # of the last decoder stage
MARGIN = 0.02  # keeps the logit of a diffuse finite


class SegFormer(nn.Module):
    """Classes of pixels from diffuse and normal: (N, 6, H, W) -> logits (N, K, H, W).

    Xie et al., "SegFormer", 2021, on encoders of segmentation-models-pytorch.

    Args:
        encoder: `mit_b0`, `mit_b1`, `mit_b2`, ...
        lora_rank: of the adapters on the attention's q and kv; 0 for none.
        weights: checkpoint to start from, and the part of it that holds this network.
    """

    def __init__(
        self,
        encoder: str = "mit_b1",
        classes: PositiveInt = 7,
        lora_rank: NonNegativeInt = 0,
        weights: str | None = None,
        part: str = "network",
    ) -> None:
        super().__init__()
        self.classes = classes
        self.model = smp.Segformer(
            encoder, encoder_weights=None, in_channels=IMAGE_CHANNELS, classes=classes
        )
        if lora_rank:
            add_lora(self.model, lora_rank)
        load(self, weights, part)

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image)


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


class MaterialUNet(nn.Module):
    """A U-Net with one output convolution per map, conditioned by FiLM on its encoder's features.

    Args:
        outputs: maps and their channels.
        condition: channels of the condition: class probabilities and the domain.
        weights: checkpoint to start from, and the part of it that holds this network.
    """

    def __init__(
        self,
        outputs: Mapping[str, int],
        encoder: str,
        classes: int,
        weights: str | None,
        part: str,
    ) -> None:
        super().__init__()
        unet = smp.Unet(encoder, encoder_weights=None, in_channels=IMAGE_CHANNELS)
        self.encoder, self.decoder = unet.encoder, unet.decoder
        channels = self.encoder.out_channels[1:]
        condition = classes + len(DOMAINS)
        self.film = nn.ModuleList(FiLM(c, condition) if c else nn.Identity() for c in channels)
        self.heads = nn.ModuleDict(
            {name: nn.Conv2d(HEAD_CHANNELS, c, 3, padding=1) for name, c in outputs.items()}
        )
        load(self, weights, part)

    def features(self, image: Tensor, condition: Tensor | None) -> Tensor:
        """What the heads read, (N, 16, H, W). Without a condition FiLM is passed by."""
        stages = list(self.encoder(image))
        if condition is not None:
            films = zip(self.film, stages[1:], strict=True)
            stages[1:] = [x if _is_empty(x) else film(x, condition) for film, x in films]
        return self.decoder(stages)


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
        weights: str | None = None,
        part: str = "network",
    ) -> None:
        super().__init__({"albedo": 3}, encoder, classes, weights, part)

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        change = self.heads["albedo"](self.features(image, condition))
        return torch.sigmoid(torch.logit(image[:, :3], eps=MARGIN) + change)


MapName = Literal["roughness", "metallic", "ao", "height"]


class MapsUNet(MaterialUNet):
    """Four maps from albedo and normal; metallic as a logit, AO and height without bounds.

    AO is 1 almost everywhere: behind a sigmoid the L1 drives it to 1 for good.
    """

    def __init__(
        self,
        encoder: str = "mit_b1",
        classes: PositiveInt = 7,
        weights: str | None = None,
        part: str = "network",
    ) -> None:
        outputs = {"roughness": 1, "metallic": 1, "ao": 1, "height": 1}
        super().__init__(outputs, encoder, classes, weights, part)

    def forward(self, image: Tensor, condition: Tensor | None = None) -> dict[str, Tensor]:
        features = self.features(image, condition)
        raw = {name: head(features) for name, head in self.heads.items()}
        return raw | {"roughness": raw["roughness"].sigmoid()}


def condition_of(logits: Tensor, game: Tensor) -> Tensor:
    """What FiLM is conditioned on: class probabilities and domain, (N, K + 2, H, W), detached.

    Args:
        game: (N,) 1 for textures of the game, 0 for clean ones.
    """
    probabilities = logits.detach().softmax(dim=1)
    domain = torch.stack([1 - game, game], dim=1)[:, :, None, None]
    return torch.cat([probabilities, domain.expand(-1, -1, *logits.shape[-2:])], dim=1)
