"""Maps of whole textures in tiles: on the torus a shift of the input shifts the output."""

import numpy as np
import pytest
import torch
from launch.experiments.pbr import textures
from launch.experiments.pbr.predict import convert_folder, convert_texture, hann, is_tileable, tiled
from launch.experiments.pbr.synthetic import material
from torch import Tensor, nn

SIDE = 64


def image_of(category: str = "stone") -> Tensor:
    maps = material(0, category, "clean", SIDE)
    planes = np.concatenate([maps["diffuse"], maps["normal"]], axis=-1)
    return torch.from_numpy(planes.transpose(2, 0, 1).astype(np.float32))[None]


@pytest.fixture(scope="module")
def blurring():
    """A network that looks 4 pixels far and pads with zeros, as U-Nets do."""
    torch.manual_seed(0)
    return nn.Conv2d(6, 7, 9, padding=4).eval()


def convert(network):
    def run(image: Tensor, condition: Tensor | None) -> Tensor:
        with torch.no_grad():
            return network(image)

    return run


def test_windows_add_up_to_one():
    window = hann(32)
    torch.testing.assert_close(window[:16] + window[16:], torch.ones(16))


def test_a_shift_of_a_tiling_texture_shifts_its_maps(blurring):
    planes = image_of()
    shifted = tiled(convert(blurring), planes.roll((16, 32), (2, 3)), [32, 32], wraps=True)
    expected = tiled(convert(blurring), planes, [32, 32], wraps=True).roll((16, 32), (2, 3))
    torch.testing.assert_close(shifted, expected)


def test_maps_of_a_tiling_texture_tile(blurring):
    def seam(wraps: bool) -> float:
        maps = tiled(convert(blurring), image_of(), [32, 32], wraps)
        inside = maps.diff(dim=-1).abs().mean()
        return float((maps[..., 0] - maps[..., -1]).abs().mean() / inside)

    assert seam(wraps=True) < 1.3
    assert seam(wraps=False) > 1.5 * seam(wraps=True)


def test_tileability_is_seen_in_the_edges():
    image = image_of()
    assert is_tileable(image)
    ramp = torch.linspace(0, 1, SIDE).expand(1, 6, SIDE, SIDE)
    assert not is_tileable(ramp)


@pytest.mark.parametrize("size", [(64, 64), (50, 90), (33, 32)])
def test_any_size_comes_back_at_its_size(blurring, size):
    image = torch.rand(1, 6, *size)
    maps = convert_texture(convert(blurring), lambda whole: None, image, wraps=True, tile=32)
    assert maps.shape == (1, 7, *size)
    assert maps.isfinite().all()


def test_a_constant_network_gives_constant_maps():
    maps = tiled(lambda i, c: i.new_full((1, 7, 32, 32), 0.3), image_of(), [32, 32], False)
    torch.testing.assert_close(maps, torch.full((1, 7, SIDE, SIDE), 0.3))


def test_a_folder_with_a_broken_file(tmp_path, blurring):
    maps = material(0, "wood", "game", SIDE)
    textures.write(tmp_path / "in" / "area" / "wall_d.png", maps["diffuse"])
    (tmp_path / "in" / "broken.png").write_bytes(b"nothing")
    counts = convert_folder(
        convert(blurring), lambda whole: None, tmp_path / "in", tmp_path / "out"
    )
    assert counts["textures"] == 1
    assert counts["failed"] == 1
    made = {path.name for path in (tmp_path / "out" / "area").iterdir()}
    kinds = ("albedo", "roughness", "metallic", "ao", "height", "rmaos")
    assert made == {f"wall_{kind}.png" for kind in kinds}
