"""Maps of a raw slice by a network with a checkpoint, in place of the structure tensor.

Any module from a grey picture (N, 1, H, W) in [0, 1] to (N, 4, H, W) will do; the channels are
cosine, density in windings per full-resolution pixel, direction 0 and direction 1, without an
activation after the last layer.
"""

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.experiments.winding import structure
from launch.experiments.winding.channels import Channels, Image
from launch.tools.tiles import tiled

MAPS = 4
OVERLAP = 0.125  # of a tile, on each side
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


@torch.no_grad()
def maps_of(network: nn.Module, grey: Image, tile: int) -> Image:
    """The maps (4, H, W) of a picture (H, W), from overlapping tiles that fade into each other."""
    network.eval()

    def maps(part: Tensor) -> Tensor:
        found = network(part)
        if found.shape[1] != MAPS:
            raise ConfigError(
                f"data.network makes {found.shape[1]} channels; a fit needs {MAPS}: cosine, "
                "density and two directions"
            )
        return found

    picture = torch.from_numpy(np.ascontiguousarray(grey, np.float32))[None, None]
    return tiled(maps, picture, tile=tile, overlap=round(OVERLAP * tile))[0].numpy()


def channels(
    grey: Image,
    network: nn.Module,
    tile: int,
    downscale: float = 1.0,
    origin: tuple[float, float] = (0.0, 0.0),
    name: str = "slice",
) -> Channels:
    """Maps of grey slices (H, W) or (N, H, W) in [0, 1], at full resolution, then shrunk.

    Density and directions are blurred, as they are where such maps come preprocessed.
    """
    slices = structure.stacked(grey)
    maps = [slice_maps(part, network, tile, downscale) for part in slices]
    pictures = [structure.shrink(part.astype(np.float32), downscale) for part in slices]
    return Channels(
        *np.stack(maps, 1).astype(np.float32),
        downscale=downscale,
        origin=structure.shrunk_origin(origin, downscale),
        picture=np.stack(pictures),
        name=name,
    )


def slice_maps(grey: Image, network: nn.Module, tile: int, downscale: float) -> Image:
    """The five maps (5, H, W) of one slice at model resolution."""
    keys = ("cosine", "density", "dir0", "dir1")
    found = dict(zip(keys, maps_of(network, grey, tile), strict=True))
    maps = {key: structure.shrink(values, downscale) for key, values in found.items()}
    maps |= {key: structure.smooth(maps[key], sigma) for key, sigma in BLUR.items()}
    return np.stack([*maps.values(), np.ones_like(maps["cosine"])])
