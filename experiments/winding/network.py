"""Maps of a raw slice by a network with a checkpoint, in place of the structure tensor.

Any module from a grey picture (N, 1, H, W) in [0, 1] to (N, 4, H, W) will do; the channels are
cosine, density in windings per full-resolution pixel, direction 0 and direction 1, without an
activation after the last layer.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from launch.experiments.winding import structure
from launch.experiments.winding.channels import Channels, Image
from pydantic import PositiveInt
from safetensors.torch import load_file
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.train.weights import mismatch

MAPS = 4
OVERLAP = 0.25  # of a tile
BLUR = {"density": 4.0, "dir0": 2.0, "dir1": 2.0}  # model pixels; Gaussian


class SliceUNet(nn.Module):
    """A plain U-Net with skips; any image size.

    Args:
        width: channels at full resolution; they double at every halving.
        depth: how often the resolution is halved.
    """

    def __init__(self, width: PositiveInt = 16, depth: PositiveInt = 4) -> None:
        super().__init__()
        widths = [width << level for level in range(depth + 1)]
        self.first = block(1, width)
        self.down = nn.ModuleList(block(widths[n], widths[n + 1]) for n in range(depth))
        self.up = nn.ModuleList(block(widths[n] + widths[n + 1], widths[n]) for n in range(depth))
        self.last = nn.Conv2d(width, MAPS, 1)

    def forward(self, picture: Tensor) -> Tensor:
        levels = [self.first(picture)]
        for down in self.down:
            levels.append(down(F.max_pool2d(levels[-1], 2, ceil_mode=True)))
        x = levels.pop()
        for up in reversed(self.up):
            skip = levels.pop()
            x = up(torch.cat([F.interpolate(x, skip.shape[-2:]), skip], 1))
        return self.last(x)


def block(inputs: int, outputs: int) -> nn.Module:
    convolutions = [nn.Conv2d(n, outputs, 3, padding=1) for n in (inputs, outputs)]
    return nn.Sequential(convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU())


def load(network: nn.Module, checkpoint: Path) -> None:
    """Weights from safetensors, or from a torch file that may keep them under `state_dict`.

    Raises:
        ConfigError: when the file is of another architecture, naming what differs.
    """
    if checkpoint.suffix == ".safetensors":
        saved: dict[str, Any] = load_file(checkpoint)
    else:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        saved = content.get("state_dict", content)
    wanted = network.state_dict()
    differing = [k for k in wanted if k not in saved or saved[k].shape != wanted[k].shape]
    if differing:
        raise ConfigError(mismatch(checkpoint, differing, saved, wanted))
    network.load_state_dict({name: saved[name] for name in wanted})


@torch.no_grad()
def maps_of(network: nn.Module, grey: Image, tile: int) -> Image:
    """The maps (4, H, W) of a picture (H, W), from overlapping tiles that fade into each other."""
    network.eval()
    picture = torch.from_numpy(np.ascontiguousarray(grey, np.float32))[None, None]
    total = torch.zeros(MAPS, *grey.shape)
    weights = torch.zeros(grey.shape)
    for rows, columns in product(*(spans(size, tile) for size in grey.shape)):
        found = network(picture[..., rows, columns])[0]
        if found.shape[0] != MAPS:
            raise ConfigError(
                f"data.network makes {found.shape[0]} channels; a fit needs {MAPS}: cosine, "
                "density and two directions"
            )
        fade = torch.outer(*(fading(span, tile) for span in (rows, columns)))
        total[:, rows, columns] += found * fade
        weights[rows, columns] += fade
    return (total / weights).numpy()


def spans(size: int, tile: int) -> list[slice]:
    """Stretches of at most `tile` that cover `size` with overlaps, all of the same length."""
    step = max(1, tile - round(OVERLAP * tile))
    starts = [*range(0, max(size - tile, 0), step), max(size - tile, 0)]
    return [slice(start, min(start + tile, size)) for start in starts]


def fading(span: slice, tile: int) -> Tensor:
    """Weights of a stretch: 1 inside, falling towards both ends over the overlap."""
    place = torch.arange(span.stop - span.start) + 1.0
    return (torch.minimum(place, place.flip(0)) / max(1.0, OVERLAP * tile)).clamp_max(1)


def channels(
    grey: Image,
    network: nn.Module,
    tile: int,
    downscale: float = 1.0,
    origin: tuple[float, float] = (0.0, 0.0),
    name: str = "slice",
) -> Channels:
    """Maps of a grey slice (H, W) in [0, 1], at full resolution by the network, then shrunk.

    Density and directions are blurred, as they are where such maps come preprocessed.
    """
    keys = ("cosine", "density", "dir0", "dir1")
    found = dict(zip(keys, maps_of(network, grey, tile), strict=True))
    maps = {key: structure.shrink(values, downscale) for key, values in found.items()}
    maps |= {key: structure.smooth(maps[key], sigma) for key, sigma in BLUR.items()}
    maps["valid"] = np.ones_like(maps["cosine"])
    picture = structure.shrink(grey.astype(np.float32), downscale)[None]
    layered: dict[str, Any] = {key: values[None] for key, values in maps.items()}
    return Channels(**layered, downscale=downscale, origin=origin, picture=picture, name=name)
