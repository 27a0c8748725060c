"""Perceptual loss through ConvNeXt-Tiny."""

from pathlib import Path

from pydantic import NonNegativeFloat
from timm.models import load_checkpoint
from timm.models.convnext import checkpoint_filter_fn, convnext_tiny
from torch import Tensor, nn

from launch.losses.files import CONVNEXT, RANDOM
from launch.losses.perceptual import Perceptual, check_layers
from launch.losses.pretrained import UNFIT, seeded, wrong_file

STAGES = ("stage1", "stage2", "stage3", "stage4")


class ConvNeXt(Perceptual):
    """L1 between the stages of ConvNeXt-Tiny (Liu et al., CVPR 2022); RGB images in [0, 1].

    Args:
        layer_weights: of `stage1` to `stage4`, which see at 1/4, 1/8, 1/16 and 1/32 of the
            resolution (an image has at least that many pixels a side); by default stage1 1.0 and
            stage2 0.5.
        weights: see `launch.losses.files`.
    """

    def __init__(
        self,
        layer_weights: dict[str, NonNegativeFloat] | None = None,
        weights: str | None = None,
    ) -> None:
        chosen = {"stage1": 1.0, "stage2": 0.5} if layer_weights is None else layer_weights
        check_layers(chosen, STAGES)
        layers = sorted(chosen)
        name = "convnext_tiny_random" if weights == RANDOM else "convnext_tiny"
        path = None if weights == RANDOM else CONVNEXT.locate(weights)
        indices = [STAGES.index(layer) for layer in layers]
        trunk = seeded(lambda: Stages(indices, path))
        super().__init__(trunk, (chosen[layer] for layer in layers), name)


class Stages(nn.Module):
    """ConvNeXt-Tiny as far as it is needed: the features after each of the stages `indices`.

    Args:
        indices: increasing, counted from 0.
        path: of the weights; None for an untrained network.
    """

    def __init__(self, indices: list[int], path: Path | None) -> None:
        super().__init__()
        network = convnext_tiny()
        if path is not None:
            _load(network, path)
        self.indices = indices
        self.stem = network.stem
        self.stages = network.stages[: indices[-1] + 1]

    def forward(self, image: Tensor) -> list[Tensor]:
        features, found = self.stem(image), []
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index in self.indices:
                found.append(features)
        return found


def _load(network: nn.Module, path: Path) -> None:
    """All tensors or none: timm's own `features_only` ignores those that it does not find."""
    try:
        load_checkpoint(network, str(path), filter_fn=checkpoint_filter_fn)
    except UNFIT as error:
        raise wrong_file(path, "ConvNeXt-Tiny", error) from error
