"""Maps of a slice by a network."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from launch.errors import ConfigError
from launch.experiments.winding.network import SliceUNet, channels, maps_of
from launch.experiments.winding.slices import NetworkSlice


class Repeat(nn.Module):
    """Every channel is the picture."""

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture.expand(-1, 4, -1, -1)


@pytest.mark.parametrize("size", [(32, 48), (37, 21)])
def test_any_image_size_gives_four_maps(size: tuple[int, int]) -> None:
    assert SliceUNet(4, 3)(torch.rand(1, 1, *size)).shape == (1, 4, *size)


def test_tiles_fade_into_each_other_without_a_seam() -> None:
    picture = np.random.default_rng(0).random((70, 90), np.float32)
    assert maps_of(Repeat(), picture, tile=32)[2] == pytest.approx(picture, abs=1e-6)


def test_maps_are_at_model_resolution() -> None:
    found = channels(np.full((40, 60), 0.5, np.float32), Repeat(), 32, downscale=2.0)
    assert found.size == (20, 30) and found.downscale == 2
    assert found.cosine == pytest.approx(0.5, abs=1e-6)


def test_a_slice_is_read_through_the_network(tmp_path: Path) -> None:
    save_file(SliceUNet(4, 2).state_dict(), tmp_path / "a.safetensors")
    cv2.imwrite(str(tmp_path / "slice_z0700.png"), np.full((40, 60), 90, np.uint8))
    source = NetworkSlice(
        tmp_path / "slice_z0700.png",
        SliceUNet(4, 2),
        tmp_path / "a.safetensors",
        tile=32,
        downscale=2.0,
        crop=[10, 0, 40, 40],
        least_direction=0.0,
    )
    source.load("fit")
    assert source.channels.size == (20, 20) and source.channels.z == (700,)
    assert source.channels.origin == (10.5, 0.5)


def test_a_network_with_other_channels_is_refused() -> None:
    with pytest.raises(ConfigError, match="makes 1 channels"):
        maps_of(nn.Identity(), np.zeros((8, 8), np.float32), 8)
