"""Distance of two images as a frozen classifier sees them; see `vgg` and `convnext`."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from launch.errors import ConfigError, nearest
from launch.losses.pretrained import Frozen

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Perceptual(nn.Module):
    """sum over layers of weight_l * mean |phi_l(pred) - phi_l(target)|, phi_l the features there.

    Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and
    Super-Resolution", ECCV 2016.

    Args:
        trunk: images, normalised as for ImageNet classifiers, to the features of each layer.
        layer_weights: one for each of these layers.
        metric_name: what the value is called when it is reported.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, trunk: nn.Module, layer_weights: Iterable[float], metric_name: str) -> None:
        super().__init__()
        self.trunk = Frozen(trunk)
        self.layer_weights = tuple(layer_weights)
        self.metric_name = metric_name
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """A scalar for RGB images in [0, 1], (N, 3, H, W); no gradient goes to the target."""
        with torch.no_grad():
            expected = self.features(target)
        found = self.features(pred)
        layers = zip(self.layer_weights, found, expected, strict=True)
        return torch.stack([w * (f.float() - e.float()).abs().mean() for w, f, e in layers]).sum()

    def features(self, image: Tensor) -> list[Tensor]:
        """What the trunk sees, layer by layer."""
        return self.trunk((image - self.mean) / self.std)


def check_layers(layer_weights: Mapping[str, float], known: Iterable[str]) -> None:
    """Raise ConfigError if there are no layers, or one that the trunk does not have."""
    if not layer_weights:
        raise ConfigError(f"layer_weights is empty; name at least one of {', '.join(known)}")
    for name in layer_weights:
        if name not in known:
            raise ConfigError(
                f"layer_weights: there is no layer {name!r}.{nearest(name, known)} "
                f"The layers are {', '.join(known)}"
            )
