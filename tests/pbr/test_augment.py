"""Augmentation: colour moves the truth, light does not."""

import numpy as np
import pytest

from launch.experiments.pbr.augment import (
    TABLE,
    Augmentation,
    by_category,
    colour_matrix,
    photometric,
    recolour,
)
from launch.experiments.pbr.geometry import turn
from launch.experiments.pbr.layers import CLEAN, GAME, PLACES, pack, unpack
from launch.experiments.pbr.synthetic import material

SIDE = 32
DIFFUSE, ALBEDO, NORMAL = (PLACES[name] for name in ("diffuse", "albedo", "normal"))
A_LEVEL = 1.01 / 255


@pytest.fixture
def planes():
    return list(pack(material(0, "stone", CLEAN, SIDE)))


def image(planes, name):
    """One map, (H, W, C) in [0, 1]."""
    return unpack(np.stack(planes))[name]


def grey(planes, level=128):
    """With diffuse and albedo of one level."""
    return [np.full_like(p, level) if i < NORMAL.start else p for i, p in enumerate(planes)]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


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


def test_colour_changes_diffuse_and_albedo_alike(planes):
    changed = planes.copy()
    recolour(changed, brightness=-0.1)
    for name in ("diffuse", "albedo"):
        expected = image(planes, name) * 0.9
        np.testing.assert_allclose(image(changed, name), expected, atol=A_LEVEL)
    assert same(changed[NORMAL.start :], planes[NORMAL.start :])


def test_hue_and_saturation_turn_around_grey():
    """Grey stays grey; a third of a turn makes green of red; without saturation all is grey."""
    np.testing.assert_allclose(colour_matrix(0.1, 0.3, 0.2) @ np.ones(3), 1.1, atol=1e-6)
    red = colour_matrix(0, 0, 0) @ [1, 0, 0]
    np.testing.assert_allclose(red, [1, 0, 0], atol=1e-6)
    assert (colour_matrix(0, 1 / 3, 0) @ red).argmax() == 2 - (
        colour_matrix(0, -1 / 3, 0) @ red
    ).argmax() + 1
    np.testing.assert_allclose(colour_matrix(0, 0, -1) @ red, 0.299, atol=1e-6)


def test_a_full_turn_of_the_hue_is_none(planes):
    turned = planes.copy()
    recolour(turned, hue=1.0)
    np.testing.assert_allclose(image(turned, "albedo"), image(planes, "albedo"), atol=A_LEVEL)


def test_a_highlight_is_light_and_leaves_the_albedo(planes):
    random = np.random.default_rng(0)
    lit = 0
    for _ in range(20):
        changed = planes.copy()
        by_category(random, changed, TABLE["metal"])
        assert same(changed[ALBEDO], planes[ALBEDO])
        lit += not same(changed[DIFFUSE], planes[DIFFUSE])
    assert 0 < lit < 20


def test_dirt_covers_diffuse_and_albedo_in_the_same_places(planes):
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(10):
        changed = grey(planes)
        by_category(random, changed, TABLE["stone"])
        assert same(changed[DIFFUSE], changed[ALBEDO])
        covered += np.ptp(changed[0]) > 0
    assert 0 < covered < 10


def test_photometric_changes_the_diffuse_less_at_half_strength(planes):
    before = image(planes, "diffuse")

    def change(strength: float) -> float:
        found = []
        for seed in range(20):
            changed = planes.copy()
            random = np.random.default_rng(seed)
            changed[DIFFUSE] = photometric(random, planes[DIFFUSE], strength)
            found.append(np.abs(image(changed, "diffuse") - before).mean())
        return float(np.mean(found))

    assert change(0.0) == 0
    assert 0 < change(0.5) < 0.7 * change(1.0)


def test_photometric_is_for_game_textures_only(planes):
    augmentation = Augmentation(photometric=1.0)
    random = np.random.default_rng(1)
    changed = planes.copy()
    augmentation.colour(random, changed, CLEAN, "stone")
    assert same(changed, planes)
    augmentation.colour(random, changed, GAME, None)
    assert same(changed[ALBEDO], planes[ALBEDO])
    assert not same(changed[DIFFUSE], planes[DIFFUSE])


def test_what_is_changed_is_a_copy(planes):
    """Planes may be mapped from the cache."""
    kept = [plane.copy() for plane in planes]
    for plane in planes:
        plane.flags.writeable = False
    augmentation = Augmentation(True, 0.05, True, photometric=1.0)
    for seed in range(10):
        for category in TABLE:
            random = np.random.default_rng(seed)
            augmentation.colour(random, turn(planes, seed, True, False), GAME, category)
    assert same(planes, kept)


def test_rare_classes_get_wider_ranges_and_more_overlays():
    wide = TABLE["wood"].times(1.5)
    assert (wide.brightness, wide.hue, wide.overlays) == pytest.approx((0.15, 0.075, 0.45))
    changes = {}
    for rare in (False, True):
        random, found = np.random.default_rng(0), []
        augmentation = Augmentation(selective=True, minorities=2.0)
        for _ in range(40):
            patch = grey(list(pack(material(0, "leather", CLEAN, SIDE))))
            augmentation.colour(random, patch, CLEAN, "leather", rare)
            found.append(abs(image(patch, "albedo").mean() - 128 / 255))
        changes[rare] = np.mean(found)
    assert changes[True] == pytest.approx(2 * changes[False], rel=0.1)
