"""Packing maps into bytes and back."""

import numpy as np
import pytest
from launch.experiments.pbr.layers import TARGETS, UNKNOWN, dominant, pack, unit, unpack


def test_packing_keeps_every_map_to_its_precision():
    generator = np.random.default_rng(0)
    maps = {name: generator.random((5, 7, 3 if name == "albedo" else 1)) for name in TARGETS}
    maps["diffuse"] = generator.random((5, 7, 3))
    maps["normal"] = unit(generator.standard_normal((5, 7, 3)))
    maps["classes"] = generator.integers(0, 7, (5, 7))
    back = unpack(pack(maps))
    for name in ("diffuse", *TARGETS):
        np.testing.assert_allclose(back[name], maps[name], atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(back["height"], maps["height"], atol=1e-5)
    np.testing.assert_allclose(back["normal"], maps["normal"], atol=0.01)
    np.testing.assert_array_equal(back["classes"], maps["classes"])


def test_what_is_missing_is_neutral():
    back = unpack(pack({"diffuse": np.ones((2, 2, 3))}))
    np.testing.assert_allclose(back["normal"][0, 0], [0, 0, 1], atol=0.01)
    assert (back["classes"] == UNKNOWN).all()
    assert (back["confidence"] == 0).all()


@pytest.mark.parametrize(("labels", "expected"), [([2, 2, 5], 2), ([255, 255], None), ([], None)])
def test_dominant_class(labels, expected):
    assert dominant(np.array(labels, np.uint8)) == expected
