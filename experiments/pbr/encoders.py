"""Start weights of encoders from files as other libraries write them.

Names are those of torchvision, timm, segmentation-models-pytorch or the authors of SegFormer; a
whole network may be in the file, of which the encoder is taken.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.tools import model_files

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours


def load_encoder(encoder: nn.Module, path: str | None) -> None:
    """Take the weights of an encoder that was trained on ImageNet's normalised colours.

    The first convolution gets them for colours in [0, 1]; further channels start without a say.

    Raises:
        MissingError: if there is no such file.
        ConfigError: if the file is of another architecture, naming a tensor that it lacks.
    """
    if path is None:
        return
    own = encoder.state_dict()
    found = fitting(model_files.tensors(Path(path)), own)
    first = next(n for n, v in own.items() if v.dim() == 4)
    wrong = [n for n, v in own.items() if n not in found or not fits(found[n], v, n == first)]
    wrong = [n for n in wrong if not n.endswith("num_batches_tracked")]
    if wrong:
        raise ConfigError(
            f"{path} is of another encoder: {len(wrong)} of {len(own)} tensors do not fit, such as "
            f"{wrong[0]}; choose the encoder that it was saved from, such as recipe.unet=resnet34"
        )
    found[first], shift = denormalised(found[first], own[first])
    encoder.load_state_dict(own | {name: found[name] for name in own if name in found})
    subtract(encoder, shift)


def fitting(tensors: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the encoder's names: without the prefix, or with the one, that most want."""
    prefixes = {""} | {name[: i + 1] for name in tensors for i, c in enumerate(name) if c == "."}
    added = {"", *(f"{name.split('.')[0]}." for name in own)}
    best: dict[str, Tensor] = {}
    for prefix in sorted(prefixes, key=len):
        inside = {n[len(prefix) :]: v for n, v in tensors.items() if n.startswith(prefix)}
        for front in added:
            renamed = {front + n: v for n, v in inside.items() if front + n in own}
            best = max(best, renamed, key=len)
    return best


def fits(tensor: Tensor, own: Tensor, first: bool) -> bool:
    if first:
        return tensor.dim() == 4 and tensor.shape[::2] == own.shape[::2]
    return tensor.shape == own.shape


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


def subtract(encoder: nn.Module, shift: Tensor) -> None:
    """Take a constant from the results of the first convolution: its bias, or the norm after it."""
    modules = iter(encoder.modules())
    convolution = next(m for m in modules if isinstance(m, nn.Conv2d))
    if convolution.bias is not None:
        convolution.bias.data -= shift
        return
    norm = next(m for m in modules if isinstance(m, nn.BatchNorm2d))
    assert norm.running_mean is not None
    norm.running_mean += shift
