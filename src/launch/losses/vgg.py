"""Perceptual loss through VGG19."""

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torchvision.models import vgg19

from launch.losses.files import RANDOM, VGG19
from launch.losses.perceptual import Perceptual, check_layers
from launch.losses.pretrained import load_weights, seeded

REAL_ESRGAN = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}


def _convolutions() -> dict[str, int]:
    """Index of each convolution in torchvision's `features`: each is followed by its ReLU."""
    indices, index = {}, 0
    for block, depth in enumerate((2, 2, 4, 4, 4), start=1):
        for number in range(1, depth + 1):
            indices[f"conv{block}_{number}"] = index
            index += 2
        index += 1  # the block's pooling
    return indices


CONVOLUTIONS = _convolutions()


class VGG(Perceptual):
    """L1 between features of VGG19 before their activation; RGB images in [0, 1].

    Wang et al., "ESRGAN", 2018, section 3.3; before the activation most features are not yet 0.

    Args:
        layer_weights: layers `conv<block>_<number>` and their weights; those of Real-ESRGAN
            (Wang et al. 2021) when not given. Layers after the last one are not computed.
        weights: see `launch.losses.files`.
    """

    def __init__(
        self,
        layer_weights: dict[str, NonNegativeFloat] | None = None,
        weights: str | None = None,
    ) -> None:
        chosen = REAL_ESRGAN if layer_weights is None else layer_weights
        check_layers(chosen, CONVOLUTIONS)
        layers = sorted(chosen, key=CONVOLUTIONS.__getitem__)
        indices = tuple(CONVOLUTIONS[layer] for layer in layers)
        name = "vgg19_random" if weights == RANDOM else "vgg19"
        super().__init__(_trunk(indices, weights), (chosen[layer] for layer in layers), name)


class VGG19Features(nn.Module):
    """The first layers of VGG19, as far as they are needed; untrained.

    Args:
        indices: layers of torchvision's `features` whose output is returned, increasing.
    """

    def __init__(self, indices: tuple[int, ...]) -> None:
        super().__init__()
        with torch.device("meta"):  # no memory for the classifier, which is most of the network
            layers = list(vgg19().features.children())[: indices[-1] + 1]
        self.indices = indices
        self.features = nn.Sequential(*layers).to_empty(device="cpu")
        for layer in self.features:
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # or it would activate the features that are returned

    def forward(self, image: Tensor) -> list[Tensor]:
        found = []
        for index, layer in enumerate(self.features):
            image = layer(image)
            if index in self.indices:
                found.append(image)
        return found


def _trunk(indices: tuple[int, ...], weights: str | None) -> VGG19Features:
    path = None if weights == RANDOM else VGG19.locate(weights)
    trunk = seeded(lambda: VGG19Features(indices))
    if path is not None:
        load_weights(trunk, path, source=lambda name: name)
    return trunk
