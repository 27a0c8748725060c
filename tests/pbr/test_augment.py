"""Augmentation: normals turn with the picture, colour moves the truth, light does not."""

import numpy as np
import pytest

from experiments.pbr.augment import (
    TABLE,
    Augmentation,
    by_category,
    photometric,
    recolour,
    resize,
    turn,
    turn_vectors,
    warp,
)
from experiments.pbr.layers import CLEAN, GAME, pack, unpack
from experiments.pbr.shading import normals_of
from experiments.pbr.synthetic import material

SIDE = 32


@pytest.fixture(scope="module")
def maps():
    return unpack(pack(material(0, "stone", CLEAN, SIDE)))


@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("mirror_x", [False, True])
@pytest.mark.parametrize("mirror_y", [False, True])
def test_turned_normals_are_the_normals_of_the_turned_height(quarter, mirror_x, mirror_y):
    height = material(1, "leather", CLEAN, SIDE)["height"]
    moved = turn(normals_of(height, 5.0), quarter, mirror_x, mirror_y)
    turned = turn_vectors(moved, quarter, mirror_x, mirror_y)
    expected = normals_of(turn(height, quarter, mirror_x, mirror_y), 5.0)
    np.testing.assert_allclose(turned, expected, atol=1e-9)


def test_resized_normals_have_length_one(maps):
    for side in (17, 64):
        resized = resize(maps, side, side)
        assert resized["height"].shape == (side, side, 1)
        np.testing.assert_allclose(np.linalg.norm(resized["normal"], axis=-1), 1, atol=1e-5)
        assert set(np.unique(resized["classes"])) <= set(np.unique(maps["classes"]))


def test_maps_of_many_channels_are_resized(maps):
    """Which targets are known takes five channels."""
    known = np.broadcast_to(np.array([1, 0, 1, 0, 1], np.float32), (SIDE, SIDE, 5))
    for side in (20, 50):
        resized = resize(maps | {"truth": known}, side, side)["truth"]
        assert resized.shape == (side, side, 5)
        assert resized[3, 3].tolist() == [1, 0, 1, 0, 1]


def test_one_draw_decides_how_many_crops():
    """15 % four crops, then 30 % two; the shares do not eat each other."""
    shares = Augmentation(two_crops=0.30, four_crops=0.15)
    draws = [shares.patches(u) for u in np.linspace(0, 1, 1000, endpoint=False)]
    assert [draws.count(n) for n in (4, 2, 1)] == [150, 300, 550]
    with pytest.raises(ValueError, match="must not exceed 1"):
        Augmentation(two_crops=0.8, four_crops=0.3)


def test_stone_and_metal_keep_their_hue():
    assert TABLE["stone"].hue == TABLE["metal"].hue == 0
    assert TABLE["fabric"].overlay != "highlight"
    assert TABLE["leather"].overlay is None


def test_colour_changes_diffuse_and_albedo_alike(maps):
    changed = recolour(maps, brightness=-0.1)
    for name in ("diffuse", "albedo"):
        np.testing.assert_allclose(changed[name], maps[name] * 0.9, atol=1e-6)
    assert changed["roughness"] is maps["roughness"]


def test_a_full_turn_of_the_hue_is_none(maps):
    turned = recolour(maps, hue=1.0)["albedo"]
    np.testing.assert_allclose(turned, maps["albedo"], atol=1e-4)


def test_a_highlight_is_light_and_leaves_the_albedo(maps):
    random = np.random.default_rng(0)
    changed = [by_category(random, maps, TABLE["metal"]) for _ in range(20)]
    assert all(np.array_equal(c["albedo"], maps["albedo"]) for c in changed)
    lit = [not np.array_equal(c["diffuse"], maps["diffuse"]) for c in changed]
    assert 0 < sum(lit) < 20


def test_dirt_covers_diffuse_and_albedo_in_the_same_places(maps):
    random = np.random.default_rng(3)
    grey = maps | dict.fromkeys(("diffuse", "albedo"), np.full((SIDE, SIDE, 3), 0.5, np.float32))
    for _ in range(10):
        changed = by_category(random, grey, TABLE["stone"])
        np.testing.assert_array_equal(changed["diffuse"], changed["albedo"])


def test_a_warp_moves_all_maps_together(maps):
    ramp = np.tile(np.linspace(0, 1, SIDE, dtype=np.float32), (SIDE, 1))[..., None]
    moved = warp(np.random.default_rng(0), maps | {"height": ramp, "ao": ramp})
    np.testing.assert_array_equal(moved["height"], moved["ao"])
    assert 0 < np.abs(moved["height"] - ramp).max() < 0.1


def test_photometric_changes_the_diffuse_less_at_half_strength(maps):
    def change(strength: float) -> float:
        seeds = [np.random.default_rng(s) for s in range(20)]
        images = [photometric(r, maps["diffuse"], strength) for r in seeds]
        return float(np.mean([np.abs(i - maps["diffuse"]).mean() for i in images]))

    assert change(0.0) == 0
    assert 0 < change(0.5) < 0.7 * change(1.0)


def test_photometric_is_for_game_textures_only(maps):
    augmentation = Augmentation(photometric=1.0)
    random = np.random.default_rng(1)
    assert augmentation.colour(random, maps, CLEAN, "stone") is maps
    changed = augmentation.colour(random, maps, GAME, None)
    np.testing.assert_array_equal(changed["albedo"], maps["albedo"])
    assert not np.array_equal(changed["diffuse"], maps["diffuse"])
