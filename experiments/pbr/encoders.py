"""Start weights of encoders from files as other libraries write them.

Names are those of torchvision, timm, segmentation-models-pytorch or the authors of SegFormer; a
whole network may be in the file, of which the encoder is taken.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from segmentation_models_pytorch.encoders import get_encoder_names
from torch import Tensor, nn

from launch.errors import ConfigError, nearest
from launch.tools import model_files

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours


def known(encoder: str) -> str:
    """
    Raises:
        ConfigError: for the name of an encoder that segmentation-models-pytorch has not.
    """
    names = get_encoder_names()
    if encoder not in names and not encoder.startswith("tu-"):  # of timm, which says so itself
        guess = nearest(encoder, names)
        raise ConfigError(f"encoder: segmentation-models-pytorch has no {encoder!r}.{guess}")
    return encoder


def load_encoder(encoder: nn.Module, path: str | None) -> None:
    """Take the weights of an encoder that was trained on ImageNet's normalised colours.

    Raises:
        MissingError: if there is no such file.
        ConfigError: if the file is of another architecture, naming a tensor that it lacks.
    """
    if path is None:
        return
    own = encoder.state_dict()
    found = own_colours(model_files.tensors(Path(path)), encoder)
    wrong = [n for n, v in own.items() if n not in found or found[n].shape != v.shape]
    wrong = wrong or model_files.deeper(found, own)
    if wrong:
        raise ConfigError(
            f"{path} is of another encoder: {len(wrong)} of {len(own)} tensors do not fit, such as "
            f"{wrong[0]}; choose the encoder that it was saved from, such as recipe.unet=resnet34"
        )
    encoder.load_state_dict({name: found[name] for name in own})


def around(state: Mapping[str, Tensor], network: nn.Module, name: str) -> dict[str, Tensor]:
    """A file of an encoder, or of a network around one, for a network whose encoder is `name`."""
    encoder = network.get_submodule(name)
    own = [k for k in network.state_dict() if not k.startswith(f"{name}.")]
    rest = fitting(state, own)
    inside = {f"{name}.{k}": v for k, v in own_colours(state, encoder).items()}
    return {k: rest[k] for k in own if k in rest} | inside


def own_colours(state: Mapping[str, Tensor], encoder: nn.Module) -> dict[str, Tensor]:
    """What a file has of an encoder for normalised colours, for colours in [0, 1].

    That is put into its first convolution; further channels start without a say. Beyond the border
    zeros are black, while they were the mean colour; with circular padding the features are equal.
    """
    own = encoder.state_dict()
    found = model_files.with_counters(fitting(state, own), own)
    convolution = next(n for n, m in encoder.named_modules() if isinstance(m, nn.Conv2d))
    first = f"{convolution}.weight"
    if first not in found or found[first].shape[1:] != (3, *own[first].shape[2:]):
        return found
    found[first], shift = denormalised(found[first], own[first])
    norm = next((n for n, m in encoder.named_modules() if isinstance(m, nn.BatchNorm2d)), "")
    bias, mean = f"{convolution}.bias", f"{norm}.running_mean"
    if bias in found:
        found[bias] = found[bias] - shift
    elif mean in found:
        found[mean] = found[mean] + shift
    return found


def fitting(tensors: Mapping[str, Tensor], own: Iterable[str]) -> dict[str, Tensor]:
    """Tensors without the prefix, or with the one, by which most get the names `own`."""
    own = set(own)
    prefixes = {""} | {name[: i + 1] for name in tensors for i, c in enumerate(name) if c == "."}
    added = {"", *(f"{name.split('.')[0]}." for name in own)}
    best: dict[str, Tensor] = {}
    for prefix in sorted(prefixes, key=len):
        inside = {n[len(prefix) :]: v for n, v in tensors.items() if n.startswith(prefix)}
        for front in added:
            renamed = {front + n: v for n, v in inside.items()}
            best = max(best, renamed, key=lambda found: len(found.keys() & own))
    return best


def denormalised(weight: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """The first convolution (O, 3, k, k) for colours in [0, 1] and more channels (O, C, k, k).

    Returns:
        The weight, and how much larger its results are than of normalised colours, (O,).
    """
    scaled = weight / weight.new_tensor(DEVIATION)[:, None, None]
    shift = (scaled * weight.new_tensor(MEAN)[:, None, None]).sum(dim=(1, 2, 3))
    inflated = torch.zeros_like(own)
    inflated[:, :3] = scaled
    return inflated, shift
