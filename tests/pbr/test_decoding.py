"""From decoded files to the maps of one material; test_sources.py reads whole folders."""

from pathlib import Path

import numpy as np
import pytest

from launch.experiments.pbr import decoding
from launch.experiments.pbr.decoding import Loaded, complete, fit, invert_height, unify_normals
from launch.experiments.pbr.textures import Texture, UnreadableTextureError

UP = np.array([0, 0, 1], np.float32)


def plain(value, channels=3, side=8):
    return np.full((side, side, channels) if channels else (side, side), value, np.float32)


def test_what_is_missing_is_derived_and_says_from_what():
    loaded = complete({"albedo": plain(0.5), "height": plain(0.2, 0)}, True, "wall")
    assert loaded.derived == {"ao": "height", "diffuse": "albedo"}
    assert loaded.truth == ("albedo", "height", "ao")
    np.testing.assert_array_equal(loaded.maps["normal"][0, 0], UP)
    np.testing.assert_allclose(loaded.maps["ao"], 1, atol=0.01)  # a plane hides nothing


def test_a_diffuse_that_is_an_albedo_is_taken_as_one():
    assert complete({"diffuse": plain(0.5)}, True, "a").truth == ("albedo",)
    assert complete({"diffuse": plain(0.5)}, False, "a").truth == ()


def test_a_diffuse_equal_to_the_albedo_is_lit_anew():
    same = {"albedo": plain(0.5), "diffuse": plain(0.5)}
    assert complete(dict(same), False, "a").derived == {"diffuse": "albedo"}
    assert complete(same | {"diffuse": plain(0.7)}, False, "a").derived == {}


def test_without_any_colour_there_is_no_material():
    with pytest.raises(ValueError, match="neither a diffuse nor an albedo"):
        complete({"height": plain(0.2, 0)}, True, "a")


def test_the_light_depends_on_the_name_alone():
    maps = {"albedo": plain(0.5), "normal": np.broadcast_to(UP, (8, 8, 3))}
    one, same, other = (
        decoding.relit(Loaded(dict(maps)), key).maps["diffuse"] for key in ("a", "a", "b")
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_depth_becomes_height_and_what_follows_from_it():
    ramp = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (8, 1))
    loaded = invert_height(lambda: complete({"albedo": plain(0.5), "height": ramp}, True, "a"))
    np.testing.assert_allclose(loaded.maps["height"], 1 - ramp)
    expected = complete({"albedo": plain(0.5), "height": 1 - ramp}, True, "a").maps["ao"]
    np.testing.assert_allclose(loaded.maps["ao"], expected)


@pytest.mark.parametrize(
    "kind, said, green",
    [("normal_gl", "auto", 0.5), ("normal_dx", "auto", -0.5), ("normal", "opengl", 0.5),
     ("normal", "directx", -0.5), ("normal", "auto", 0.5)],
)  # fmt: skip
def test_green_points_up_whatever_a_file_says(kind, said, green):
    tilted = np.broadcast_to(np.array([0.5, 0.75, 0.933], np.float32), (4, 4, 3)).copy()
    maps = unify_normals({kind: tilted}, said)
    assert list(maps) == ["normal"]
    assert maps["normal"][0, 0, 1] == pytest.approx(green, abs=0.01)


def test_an_explicit_convention_wins_over_one_that_is_not_said():
    wrong, right = plain(0.2), np.broadcast_to(np.array([0.5, 0.5, 1], np.float32), (8, 8, 3))
    maps = unify_normals({"normal": wrong, "normal_gl": right.copy()}, "directx")
    np.testing.assert_allclose(maps["normal"][0, 0], UP, atol=0.01)


def test_maps_of_other_resolutions_fit_if_their_aspect_does():
    image = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    np.testing.assert_allclose(fit(None, image, (2, 2))[..., 0], [[2.5, 4.5], [10.5, 12.5]])
    assert fit(None, image, (4, 4)) is image
    assert fit(None, plain(0.5, 3, 4), (8, 8)).shape == (8, 8, 3)
    with pytest.raises(UnreadableTextureError, match="4x4 does not fit maps of 16x4"):
        fit(Path("a.png"), image, (4, 16))


def test_packed_planes_and_files_of_other_sizes_become_maps_of_one():
    images = {"albedo": Texture(plain(0.5, 3, 16)), "orm": Texture(plain(0.25, 3, 8))}
    maps = decoding.unite(images, {}, "auto")
    assert {name: values.shape for name, values in maps.items()} == {
        "albedo": (16, 16, 3), "ao": (16, 16), "roughness": (16, 16), "metallic": (16, 16),
    }  # fmt: skip
    assert maps["roughness"].mean() == pytest.approx(0.25)
