"""Classifiers from files of other programs, as the models of timm that they are."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from launch.errors import ConfigError
from launch.tools import model_files

TORCHXRAYVISION = "op_threshs"  # a buffer of its classifiers
DENSENET = r"(\.denselayer\d+\.(?:norm|conv))\.([12])\."  # of torchvision's files before 2018
# from torchvision's names of a ConvNeXt to timm's, in this order
CONVNEXT = (
    (r"^features\.0\.(\d)\.", r"stem.\1."),
    (r"^features\.([246])\.(\d)\.", lambda m: f"stages.{int(m[1]) // 2}.downsample.{m[2]}."),
    (r"^features\.(\d)\.(\d+)\.", lambda m: f"stages.{int(m[1]) // 2}.blocks.{m[2]}."),
    (r"\.block\.0\.", ".conv_dw."),
    (r"\.block\.2\.", ".norm."),
    (r"\.block\.3\.", ".mlp.fc1."),
    (r"\.block\.5\.", ".mlp.fc2."),
    (r"\.layer_scale$", ".gamma"),
    (r"^classifier\.0\.", "head.norm."),
    (r"^classifier\.2\.", "head.fc."),
)


def load_backbone(model: Any, path: Path, pixels: str) -> None:
    """Load everything but the last layer of a model of timm, from a file that `foreign` knows.

    Raises:
        ConfigError: if the file is of another architecture, naming the first tensors that differ,
            or made for other pixel values.
    """
    last = tuple(f"{name}." for name, m in model.named_modules() if m is model.get_classifier())
    wanted = {k: v for k, v in model.state_dict().items() if not k.startswith(last)}
    try:
        found = foreign(model_files.tensors(path), model, pixels)
    except ConfigError as error:
        raise ConfigError(f"classifier.weights={path}: {error.message}") from error
    model_files.require(path, found, wanted)
    model.load_state_dict({k: found[k] for k in wanted}, strict=False)


def foreign(state: Mapping[str, Tensor], model: Any, pixels: str) -> dict[str, Tensor]:
    """The tensors of a file under the names of a model of timm.

    Files of timm, of the authors whose releases it converts, of torchxrayvision, of torchvision's
    ConvNeXt and DenseNet and of this project; a first convolution of one channel is spread over
    three.

    Raises:
        ConfigError: if the file is made for other pixel values.
    """
    if TORCHXRAYVISION in state and pixels != "torchxrayvision":
        raise ConfigError(
            "this model file is of torchxrayvision, whose pixels are from -1024 to 1024; set "
            "module.classifier.pixels=torchxrayvision"
        )
    wanted = model.state_dict()
    return spread(model_files.fitting(from_torchvision(state), model, wanted), wanted)


def from_torchvision(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """A ConvNeXt or an old DenseNet under the names of timm; anything else as it is."""
    state = {re.sub(DENSENET, r"\1\2.", name): value for name, value in state.items()}
    prefix = model_files.prefix_of(state, ["features.1.0.block.0.weight"])
    if f"{prefix}features.1.0.block.0.weight" not in state:
        return state
    plain = model_files.below(state, prefix)
    return {renamed(k): v.flatten() if "layer_scale" in k else v for k, v in plain.items()}


def renamed(name: str) -> str:
    for pattern, replacement in CONVNEXT:
        name = re.sub(pattern, replacement, name)
    return name


def spread(state: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A first convolution of grey images for three equal channels: a third of it for each."""
    first = next((name for name, tensor in wanted.items() if tensor.ndim == 4), "")
    grey = state.get(first)
    if grey is None or grey.shape[1:2] != (1,):
        return state
    channels = wanted[first].shape[1]
    return state | {first: grey.expand(-1, channels, -1, -1) / channels}
