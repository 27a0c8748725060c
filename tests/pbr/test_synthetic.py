"""Procedural materials: they tile, their maps agree, and the two domains differ."""

import numpy as np
import pytest
from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.layers import CLEAN, GAME
from launch.experiments.pbr.synthetic import draw, material

SIDE = 48


def seam_ratio(image: np.ndarray) -> float:
    """Step over the edge of the tile against the largest one between two columns inside it."""
    steps = np.abs(np.diff(image, axis=1)).mean(axis=(0, 2))
    return float(np.abs(image[:, 0] - image[:, -1]).mean() / steps.max())


@pytest.mark.parametrize("category", KEPT)
def test_maps_tile_and_are_in_range(category):
    maps = material(3, category, CLEAN, SIDE)
    for name in ("albedo", "roughness", "metallic", "ao", "height", "diffuse"):
        assert 0 <= maps[name].min() <= maps[name].max() <= 1, name
    assert seam_ratio(maps["albedo"]) < 1.2
    np.testing.assert_allclose(np.linalg.norm(maps["normal"], axis=-1), 1, atol=1e-6)


def test_normals_point_downhill():
    """On a slope that rises to the right the normal leans to the left."""
    maps = material(0, "leather", CLEAN, SIDE)
    slope = np.roll(maps["height"], -1, 1) - np.roll(maps["height"], 1, 1)
    assert np.corrcoef(slope.ravel(), maps["normal"][..., 0].ravel())[0, 1] < -0.8
    rise = np.roll(maps["height"], 1, 0) - np.roll(maps["height"], -1, 0)  # upwards on the screen
    assert np.corrcoef(rise.ravel(), maps["normal"][..., 1].ravel())[0, 1] < -0.8


def test_only_metal_is_metallic_and_its_rust_is_not():
    assert material(1, "wood", CLEAN, SIDE)["metallic"].max() == 0
    metallic = np.stack([material(s, "metal", CLEAN, SIDE)["metallic"] for s in range(4)])
    assert metallic.max() > 0.9
    assert metallic.min() < 0.1


def test_the_same_seed_gives_the_same_texture():
    first, again = (material(5, "stone", GAME, SIDE) for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])


def test_the_game_domain_is_further_from_its_albedo():
    def gap(domain: str) -> float:
        sets = [material(s, c, domain, SIDE) for s in range(2) for c in KEPT]
        return float(np.mean([np.abs(m["diffuse"] - m["albedo"]).mean() for m in sets]))

    assert gap(GAME) > 1.5 * gap(CLEAN)


def test_two_materials_share_a_texture():
    maps = material(2, "metal", GAME, SIDE, second="wood")
    assert set(np.unique(maps["classes"])) == {KEPT.index("metal"), KEPT.index("wood")}
    assert maps["metallic"][maps["classes"] == KEPT.index("wood")].max() == 0


def test_classes_are_imbalanced_and_complete():
    drawn = draw(0, 400)
    assert set(drawn) == set(KEPT)
    assert drawn.count("stone") > 2 * drawn.count("ceramic")
