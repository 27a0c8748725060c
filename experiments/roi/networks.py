"""Classifiers, and the networks that say where to look."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import timm
import torch
import torch.nn.functional as F
from pydantic import FilePath, PositiveInt
from torch import Tensor, nn

from launch.errors import ConfigError, nearest
from launch.experiments.roi.loading import DEVIATION, MEAN
from launch.experiments.roi.weights import foreign, load_backbone

XRAYVISION_LIMIT = 1024  # torchxrayvision.utils.normalize: brightness 0 to 1 is -1024 to 1024

# N batch, C labels, S image side, s mask stride: images (N, 1, S, S), mask logits (N, 1, S/s, S/s)


class TinyClassifier(nn.Module):
    """Four convolutions, then half the maximum and half the mean over the image; for 32 pixels."""

    def __init__(self, classes: int, width: PositiveInt = 16) -> None:
        super().__init__()
        widths = [1, width, 3 * width // 2, 3 * width, 4 * width]
        layers: list[nn.Module] = []
        for i, stride in enumerate((1, 2, 2, 1)):
            layers += [nn.Conv2d(widths[i], widths[i + 1], 3, stride, 1), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.last = nn.Linear(widths[-1], classes)

    def features(self, image: Tensor) -> Tensor:
        """(N, 1, S, S) -> (N, D, S/4, S/4), what Grad-CAM reads."""
        return self.body(image)

    def head(self, features: Tensor) -> Tensor:
        """Features -> logits (N, C)."""
        return self.last(0.5 * (features.amax((2, 3)) + features.mean((2, 3))))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image))


class TimmClassifier(nn.Module):
    """A classifier of timm with a new last layer; grey images become its three channels.

    Args:
        classes: number of labels.
        backbone: name in timm, such as `convnext_base`.
        weights: file of pretrained weights, whose last layer is left out, see `weights.py`; null
            starts from random weights. Nothing is ever downloaded.
        options: further arguments of the timm model, such as `{drop_path_rate: 0.1}`.
        pixels: what the weights expect: values normalised as ImageNet's, or from -1024 to 1024.
    """

    def __init__(
        self,
        classes: int,
        backbone: str = "convnext_base",
        weights: FilePath | None = None,
        options: dict[str, Any] | None = None,
        pixels: Literal["imagenet", "torchxrayvision"] = "imagenet",
    ) -> None:
        super().__init__()
        self.pixels = pixels
        if not timm.is_model(backbone):
            known = nearest(backbone, timm.list_models())
            raise ConfigError(f"classifier.backbone: timm has no {backbone!r}.{known}")
        self.model: Any = timm.create_model(backbone, num_classes=classes, **(options or {}))
        self.pretrained = weights is not None
        if weights is not None:
            load_backbone(self.model, Path(weights), pixels)

    @property
    def last(self) -> nn.Module:
        return self.model.get_classifier()

    def foreign(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A file of another program under the names of this network, see `weights.py`."""
        found = foreign(state, self.model, self.pixels)
        return {f"model.{name}": value for name, value in found.items()}

    def features(self, image: Tensor) -> Tensor:
        if self.pixels == "torchxrayvision":
            image = (2 * (image * DEVIATION + MEAN) - 1) * XRAYVISION_LIMIT
        return self.model.forward_features(image.expand(-1, 3, -1, -1))

    def head(self, features: Tensor) -> Tensor:
        return self.model.forward_head(features)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image))


class MaskNetwork(nn.Module):
    """Three 3x3 convolutions and a 1x1 head, which see 7x7 pixels; logits only.

    Args:
        mask_stride: side in pixels of a cell of the mask, whose logit is the mean of its pixels'.
    """

    def __init__(self, mask_stride: PositiveInt = 1) -> None:
        super().__init__()
        self.mask_stride = mask_stride
        widths = (1, 16, 32, 32)
        layers: list[nn.Module] = []
        for i in range(3):
            layers += [nn.Conv2d(widths[i], widths[i + 1], 3, padding=1), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.last = nn.Conv2d(widths[-1], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        return F.avg_pool2d(self.last(self.body(image)), self.mask_stride)


class MaskUNet(nn.Module):
    """A small U-Net that sees more than a lesion, read off at the mask's stride.

    Args:
        mask_stride: 1, 2, 4, ..., at most 2^depth.
        depth: how often the resolution is halved.
        width: channels at full resolution; level n has (n + 1) width.
    """

    def __init__(
        self, mask_stride: PositiveInt = 2, depth: PositiveInt = 2, width: PositiveInt = 16
    ) -> None:
        super().__init__()
        self.top = mask_stride.bit_length() - 1
        if 2**self.top != mask_stride or self.top > depth:
            raise ConfigError(
                f"mask_stride must be a power of 2 up to 2^depth = {2**depth}, got {mask_stride}"
            )
        widths = [(level + 1) * width for level in range(depth + 1)]
        self.down = nn.ModuleList([block(1, widths[0])])
        self.down.extend(block(widths[n], widths[n + 1], 2) for n in range(depth))
        self.bottom = block(widths[-1], widths[-1])
        self.up = nn.ModuleList(
            block(widths[n + 1] + widths[n], widths[n]) for n in range(self.top, depth)
        )
        self.last = nn.Conv2d(widths[self.top], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        levels = [image]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = self.bottom(levels.pop())
        for up in reversed(self.up):
            skip = levels.pop()
            x = up(torch.cat([F.interpolate(x, skip.shape[-2:]), skip], dim=1))
        return self.last(x)


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1)
    return nn.Sequential(convolution, nn.GroupNorm(4, outputs), nn.ReLU())
