"""Maps of a slice by a network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from launch.experiments.winding.network import SliceUNet, channels, load, maps_of, spans
from safetensors.torch import save_file
from torch import nn

from launch.errors import ConfigError


class Repeat(nn.Module):
    """Every channel is the picture."""

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture.expand(-1, 4, -1, -1)


@pytest.mark.parametrize("size", [(32, 48), (37, 21)])
def test_any_image_size_gives_four_maps(size: tuple[int, int]) -> None:
    assert SliceUNet(4, 3)(torch.rand(1, 1, *size)).shape == (1, 4, *size)


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "nested.ckpt"])
def test_a_checkpoint_brings_its_weights(tmp_path: Path, name: str) -> None:
    saved, loaded, path = SliceUNet(4, 2), SliceUNet(4, 2), tmp_path / name
    if path.suffix == ".safetensors":
        save_file(saved.state_dict(), path)
    else:
        nested = {"state_dict": saved.state_dict()}
        torch.save(nested if path.stem == "nested" else saved.state_dict(), path)
    load(loaded, path)
    picture = torch.rand(1, 1, 16, 16)
    assert torch.equal(loaded(picture), saved(picture))


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save(SliceUNet(8, 2).state_dict(), tmp_path / "a.pt")
    with pytest.raises(ConfigError, match="another architecture"):
        load(SliceUNet(4, 2), tmp_path / "a.pt")


def test_tiles_fade_into_each_other_without_a_seam() -> None:
    picture = np.random.default_rng(0).random((70, 90), np.float32)
    assert maps_of(Repeat(), picture, tile=32)[2] == pytest.approx(picture, abs=1e-6)


def test_tiles_cover_everything_and_overlap() -> None:
    covered = np.zeros(101, int)
    for span in spans(101, 40):
        assert span.stop - span.start == 40
        covered[span] += 1
    assert covered.min() >= 1 and covered[30:40].tolist() == [2] * 10


def test_maps_are_at_model_resolution() -> None:
    found = channels(np.full((40, 60), 0.5, np.float32), Repeat(), 32, downscale=2.0)
    assert found.size == (20, 30) and found.downscale == 2
    assert found.cosine == pytest.approx(0.5, abs=1e-6)


def test_a_network_with_other_channels_is_refused() -> None:
    with pytest.raises(ConfigError, match="makes 1 channels"):
        maps_of(nn.Identity(), np.zeros((8, 8), np.float32), 8)
