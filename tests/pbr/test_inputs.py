"""The files of a texture as bytes, and what a rule changes in its maps."""

import numpy as np
import pytest
from PIL import Image

from launch.experiments.pbr.game_files import Diffuse
from launch.experiments.pbr.inputs import FLAT, Planned, Read, adjust, read_texture
from launch.experiments.pbr.rules import Rule
from launch.experiments.pbr.textures import UnreadableTextureError
from launch.experiments.pbr.tiles import FULL

SIDE = 16


@pytest.fixture
def planned(tmp_path):
    """planned(diffuse, normal) is a texture of those bytes; None for no normal map."""

    def made(diffuse, normal=None):
        path, other = tmp_path / "wall.png", tmp_path / "wall_n.png"
        Image.fromarray(diffuse).save(path)
        if normal is not None:
            Image.fromarray(normal).save(other)
        texture = Diffuse("wall", "wall", path, None if normal is None else other)
        return Planned(texture, "wall", diffuse.shape[:2], Rule())

    return made


def grey(level=90, channels=3, side=SIDE):
    return np.full((side, side, channels), level, np.uint8)


def test_without_a_normal_map_the_surface_is_flat_and_that_is_told(planned):
    found = read_texture(planned(grey()))
    assert (found.image[..., :3] == 90).all()
    assert (found.image[..., 3:] == FLAT).all()
    assert found.alpha is None and found.specular is None
    assert found.assumed == ["flat normals: there is no _n"]


def test_an_alpha_that_hides_nothing_is_none(planned):
    image = np.dstack([grey(), np.full((SIDE, SIDE), 255, np.uint8)])
    assert read_texture(planned(image)).alpha is None
    image[0, 0, 3] = 0
    alpha = read_texture(planned(image)).alpha
    assert alpha is not None and alpha[0, 0] == 0 and alpha[1:].min() == 255


def test_green_of_a_normal_map_points_down_unless_the_rule_says_otherwise(planned):
    normal = np.broadcast_to(np.array([128, 200, 230], np.uint8), (SIDE, SIDE, 3)).copy()
    one = planned(grey(), normal)
    down = read_texture(one).image[0, 0, 4]
    one.rule = Rule(normals="opengl")
    up = read_texture(one).image[0, 0, 4]
    assert int(up) + int(down) == pytest.approx(255, abs=2)
    assert up > 128 > down


def test_a_normal_map_of_another_shape_is_left_out_and_told(planned):
    found = read_texture(planned(grey(), grey(128)[:4]))
    assert (found.image[..., 3:] == FLAT).all()
    assert found.assumed == ["flat normals: wall_n.png is 16x4, the texture 16x16"]


def test_a_damaged_diffuse_is_refused(planned):
    one = planned(grey())
    one.texture.path.write_bytes(b"no picture")
    with pytest.raises(UnreadableTextureError):
        read_texture(one)


def maps(level=0.5):
    return np.full((6, SIDE, SIDE), round(level * FULL), np.int32)


def read(specular=None):
    return Read(np.zeros((SIDE, SIDE, 6), np.uint8), None, specular)


def test_a_rule_scales_and_shifts_roughness_alone_and_stays_in_range():
    found = maps(0.4)
    adjust(found, Rule(roughness_scale=2, roughness_offset=-0.1), read())
    assert found[3] / FULL == pytest.approx(0.7, abs=1e-3)
    assert (np.delete(found, 3, 0) == maps(0.4)[0]).all()
    adjust(found, Rule(roughness_scale=9), read())
    assert (found[3] == FULL).all()


def test_a_rule_says_what_is_metal():
    found = maps()
    adjust(found, Rule(metallic=1), read())
    assert (found[4] == FULL).all() and (found[3] == maps()[3]).all()


def test_what_shines_more_than_usual_is_smoother():
    specular = np.zeros((SIDE, SIDE), np.uint8)
    specular[:, SIDE // 2 :] = 255  # the mean is half
    found = maps()
    adjust(found, Rule(specular_hint=0.4), read(specular))
    assert found[3, 0, 0] / FULL == pytest.approx(0.7, abs=1e-3)
    assert found[3, 0, -1] / FULL == pytest.approx(0.3, abs=1e-3)
