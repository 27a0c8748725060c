"""Perceptual loss through ConvNeXt-Tiny."""

import timm
from pydantic import NonNegativeFloat
from torch import nn

from launch.losses.perceptual import Perceptual, check_layers
from launch.losses.pretrained import RANDOM, Checkpoint, seeded, wrong_file

MODEL = "convnext_tiny.fb_in1k"
CHECKPOINT = Checkpoint(
    file="convnext_tiny_1k_224_ema.pth",
    origin="ImageNet-1k weights of facebookresearch/ConvNeXt; timm's convnext_tiny.fb_in1k, 114 MB",
    repository="timm/convnext_tiny.fb_in1k",
)
STAGES = ("stage1", "stage2", "stage3", "stage4")


class ConvNeXt(Perceptual):
    """L1 between the stages of ConvNeXt-Tiny (Liu et al., CVPR 2022); RGB images in [0, 1].

    Args:
        layer_weights: of `stage1` to `stage4`, which see at 1/4, 1/8, 1/16 and 1/32 of the
            resolution (an image has at least that many pixels a side); by default stage1 1.0 and
            stage2 0.5.
        weights: see `launch.losses.pretrained`.
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
        super().__init__(_trunk(layers, weights), (chosen[layer] for layer in layers), name)


def _trunk(layers: list[str], weights: str | None) -> nn.Module:
    stages = tuple(STAGES.index(layer) for layer in layers)
    if weights == RANDOM:
        return seeded(lambda: timm.create_model(MODEL, features_only=True, out_indices=stages))
    path = CHECKPOINT.locate(weights)
    try:
        return timm.create_model(
            MODEL,
            pretrained=True,
            pretrained_cfg_overlay={"file": str(path)},
            features_only=True,
            out_indices=stages,
        )
    except (KeyError, RuntimeError) as error:
        raise wrong_file(path, "ConvNeXt-Tiny", error) from error
