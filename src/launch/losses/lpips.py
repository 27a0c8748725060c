"""Learned perceptual image patch similarity."""

import warnings
from typing import Literal

import lpips
from torch import Tensor, nn

from launch.losses import files
from launch.losses.precision import full_precision
from launch.losses.pretrained import Frozen, load_weights, seeded


class LPIPS(nn.Module):
    """LPIPS 0.1 of RGB images in [0, 1]; 0 for equal images, above 0.5 for unlike ones.

    Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR
    2018. The learned weights of the channels come with the package `lpips`; the network below
    them is torchvision's.

    Args:
        net: the network; `alex` is the authors' choice as a metric, `vgg` for optimisation.
        weights: see `launch.losses.files`.
    """

    def __init__(
        self,
        net: Literal["alex", "vgg", "squeeze"] = "alex",
        weights: str | None = None,
    ) -> None:
        super().__init__()
        path = None if weights == files.RANDOM else files.LPIPS[net].locate(weights)
        distance = seeded(lambda: _untrained(net))
        if path is not None:
            load_weights(distance.net, path, source=_name_in_torchvision)
        self.distance = Frozen(distance)
        self.metric_name = f"lpips_{net}_random" if weights == files.RANDOM else f"lpips_{net}"

    @full_precision
    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        return self.distance(pred, target, normalize=True).mean()  # [0, 1] -> [-1, 1]


def _untrained(net: str) -> lpips.LPIPS:
    with warnings.catch_warnings():  # the package calls torchvision in an outdated way
        warnings.simplefilter("ignore")
        return lpips.LPIPS(net=net, pnet_rand=True, verbose=False)


def _name_in_torchvision(name: str) -> str:
    """`slice2.3.weight` of the package's networks is `features.3.weight` in torchvision."""
    return f"features.{name.split('.', 1)[1]}"
