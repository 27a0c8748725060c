"""What convolutions see beyond the border of a texture.

With zeros a network learns where the border is, and draws frames and blobs into its maps. Game
textures tile: beyond the border they go on at the other side.

# N images, C channels, H W height and width
"""

from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Padding = Literal["zeros", "reflect", "replicate", "circular"]


def pad(network: nn.Module, padding: Padding) -> None:
    """Let all convolutions of a network that pad see beyond the border what `padding` says."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and any(module.padding):
            if padding == "circular":
                width = int(module.padding[0])
                module.padding = (0, 0)
                module.register_forward_pre_hook(partial(_around, width=width))
            else:
                module.padding_mode = padding


def padded(image: Tensor, padding: Padding, width: int = 1) -> Tensor:
    """An image with a border of that kind, for a convolution that does not pad."""
    if padding == "circular":
        return Torus.apply(image, width)  # type: ignore[return-value]
    return F.pad(image, [width] * 4, mode="constant" if padding == "zeros" else padding)


def _around(module: nn.Module, inputs: tuple[Tensor], width: int) -> Tensor:
    return Torus.apply(inputs[0], width)  # type: ignore[return-value]


class Torus(torch.autograd.Function):
    """A border from the opposite sides: (N, C, H, W) -> (N, C, H + 2 width, W + 2 width).

    The values of torch's circular padding; its gradient there costs more than the convolution.
    Channels that are last in memory stay so.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor, width: int) -> Tensor:
        ctx.width = width
        *shape, height, _ = image.shape
        larger = (*shape, *(side + 2 * width for side in image.shape[-2:]))
        order = torch.contiguous_format if image.is_contiguous() else torch.channels_last
        result = torch.empty(larger, dtype=image.dtype, device=image.device, memory_format=order)
        rows = result[..., width:-width, :]
        rows[..., width:-width] = image
        rows[..., :width], rows[..., -width:] = image[..., -width:], image[..., :width]
        result[..., :width, :] = rows[..., height - width :, :]
        result[..., -width:, :] = rows[..., :width, :]
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """What the border got belongs to the pixels that it was copied from."""
        (gradient,), width = gradients, ctx.width
        rows = gradient[..., width:-width, :].clone()
        rows[..., -width:, :] += gradient[..., :width, :]
        rows[..., :width, :] += gradient[..., -width:, :]
        image = rows[..., width:-width].clone()
        image[..., -width:] += rows[..., :width]
        image[..., :width] += rows[..., -width:]
        return image, None
