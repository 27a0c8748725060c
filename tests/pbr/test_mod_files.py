"""What a game loads, and where it lies; test_predict.py converts whole folders."""

import json

import numpy as np
import pytest
from PIL import Image

from launch.experiments.pbr import textures
from launch.experiments.pbr.layers import SCALARS
from launch.experiments.pbr.mod_files import Result, eight_bits, outputs, save, write_patcher
from launch.experiments.pbr.tiles import FULL

LEVELS = dict(zip(SCALARS, (0.25, 1.0, 0.5, 0.75), strict=True))


@pytest.fixture
def result():
    """An albedo of (1, 0, 0), maps of one level each, and a normal that leans up."""
    planes = [1.0, 0.0, 0.0, *(LEVELS[name] for name in SCALARS)]
    maps = np.stack([np.full((8, 8), round(v * FULL), np.uint16) for v in planes])
    return Result(maps, np.full((8, 8, 3), (128, 200, 220), np.uint8), None)


@pytest.mark.parametrize("write", ["dds", "png", "both"])
def test_it_writes_what_it_says_and_nothing_else(result, tmp_path, write):
    save(result, "area/wall", tmp_path, write, "bc7", 0)
    written = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert written == set(outputs("area/wall", write))


def test_what_a_killed_conversion_left_is_removed(result, tmp_path):
    left = tmp_path / "textures/pbr/wall [1].dds.123.partial"
    left.parent.mkdir(parents=True)
    left.touch()
    save(result, "wall [1]", tmp_path, "dds", "bc7", 0)
    assert not left.exists()


def test_planes_lie_where_the_game_looks(result, tmp_path):
    save(result, "wall", tmp_path, "dds", "bc7", 0)
    folder = tmp_path / "textures/pbr"

    def first(name):
        return textures.floats(textures.read(folder / name))[4, 4]

    assert first("wall.dds")[:3] == pytest.approx([1, 0, 0], abs=0.02)
    rough, metal, occlusion, *level = first("wall_rmaos.dds")
    expected = [LEVELS["roughness"], LEVELS["metallic"], LEVELS["ao"]]
    assert [rough, metal, occlusion] == pytest.approx(expected, abs=0.02)
    assert first("wall_n.dds")[1] == pytest.approx((255 - 200) / 255, abs=0.02)  # DirectX: y down
    assert first("wall_p.dds")[0] == pytest.approx(LEVELS["height"], abs=0.02)
    assert all(value == pytest.approx(1) for value in level)


def test_pictures_are_lossless_and_height_has_16_bits(result, tmp_path):
    result.alpha = np.full((8, 8), 77, np.uint8)
    save(result, "wall", tmp_path, "png", "bc7", 0)
    with Image.open(tmp_path / "maps/wall_height.png") as height:
        assert np.asarray(height)[0, 0] == round(LEVELS["height"] * FULL)
    with Image.open(tmp_path / "maps/wall_albedo.png") as albedo:
        assert np.asarray(albedo)[0, 0].tolist() == [255, 0, 0, 77]
    with Image.open(tmp_path / "maps/wall_normal.png") as normal:
        assert np.asarray(normal)[0, 0].tolist() == [128, 200, 220]  # OpenGL: y up


def test_what_blocks_would_lose_stays_uncompressed_and_says_so(result, tmp_path):
    rng = np.random.default_rng(0)
    result.maps[:3] = rng.integers(0, FULL, (3, 8, 8))
    notes = save(result, "noise", tmp_path, "dds", "bc7", 60)
    assert any(note.startswith("noise.dds is uncompressed: blocks would keep") for note in notes)
    back = textures.floats(textures.read(tmp_path / "textures/pbr/noise.dds"))[..., :3] * 255
    np.testing.assert_allclose(back, np.dstack([*map(eight_bits, result.maps[:3])]), atol=1e-3)


def test_the_nearest_of_8_bits():
    plane = np.array([0, 128, 129, 257 * 3, FULL - 128, FULL], np.uint16)
    assert eight_bits(plane).tolist() == [round(int(v) / 257) for v in plane]


def test_the_patcher_matches_paths_of_windows(tmp_path):
    write_patcher(tmp_path / "p.json", [{"name": "area/wall", "height_scale": 0.5}])
    [entry] = json.loads((tmp_path / "p.json").read_text())
    assert (entry["texture"], entry["displacement_scale"]) == ("area\\wall", 0.5)
