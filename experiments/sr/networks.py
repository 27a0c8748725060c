"""`network=auto`: a super-resolution network as a model file has it, of any architecture."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import FilePath, PositiveInt
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.tools import model_files

TARGETS = ("from_file",)
COLOURS = 3


def from_file(file: FilePath, scale: PositiveInt) -> nn.Module:
    """The network of a file with its weights; spandrel tells the architecture by their names.

    Pictures whose sides the architecture cannot take are padded by their mirror image, and the
    result is cut, as spandrel does.

    Raises:
        ConfigError: if no architecture is known for it, or it is not RGB to RGB of this scale.
    """
    from spandrel import ImageModelDescriptor, ModelLoader  # noqa: PLC0415 - 170 MB, only for this

    path = Path(file)
    state = model_files.tensors(path)
    try:
        found = ModelLoader().load_from_state_dict(dict(state))
    except Exception as error:  # what an architecture raises over foreign names is its own matter
        raise ConfigError(
            f"module.network.file={path}: spandrel knows no architecture for these {len(state)} "
            f"tensors, such as {', '.join(list(state)[:3])} ({type(error).__name__}); name the "
            "network by module.network._target_ and give the file as from="
        ) from error
    if not isinstance(found, ImageModelDescriptor):
        raise ConfigError(f"module.network.file={path}: {found.architecture.name} needs a mask")
    if found.scale != scale:
        raise ConfigError(
            f"module.network.file={path}: {found.architecture.name} enlarges {found.scale} times, "
            f"and data.scale is {scale}; give data.scale={found.scale}"
        )
    if (found.input_channels, found.output_channels) != (COLOURS, COLOURS):
        raise ConfigError(
            f"module.network.file={path}: {found.architecture.name} turns {found.input_channels} "
            f"into {found.output_channels} channels; only RGB to RGB is trained here"
        )
    network = copy.deepcopy(found.model)  # running spandrel's leaves tensors that do not train
    pad_to(network, scale, found.size_requirements.get_padding)
    if not agree(network, found):
        raise ConfigError(
            f"module.network.file={path}: {found.architecture.name} needs its pictures treated "
            "before or after, which is not done here"
        )
    return network.train().requires_grad_(True)


@torch.no_grad()
def agree(network: nn.Module, reference: Callable[[Tensor], Tensor]) -> bool:
    """Whether the bare network does what spandrel makes of it, on a picture of noise."""
    picture = torch.rand(1, COLOURS, 16, 16, generator=torch.Generator().manual_seed(0))
    found, expected = network.eval()(picture), reference(picture.clone())
    return isinstance(found, Tensor) and torch.allclose(found.clamp(0, 1), expected, atol=1e-4)


def pad_to(network: nn.Module, scale: int, padding: Callable[[int, int], tuple[int, int]]) -> None:
    """Let a network take any size, without a change to the names of its weights.

    It gets a copy: some architectures change their input in place.

    Args:
        padding: width and height -> pixels that they lack at the right and at the bottom.
    """
    sizes: list[tuple[int, int]] = []

    def before(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        image, *others = inputs
        height, width = image.shape[-2:]
        sizes.append((scale * height, scale * width))
        across, down = padding(width, height)
        near = 0, min(across, width - 1), 0, min(down, height - 1)
        far = 0, across - near[1], 0, down - near[3]
        padded = F.pad(F.pad(image, near, "reflect"), far, "replicate") if across or down else image
        return padded.clone(), *others

    def after(_: nn.Module, inputs: object, result: Any) -> Any:
        height, width = sizes.pop()
        return result[..., :height, :width] if isinstance(result, Tensor) else result

    network.register_forward_pre_hook(before)
    network.register_forward_hook(after)
