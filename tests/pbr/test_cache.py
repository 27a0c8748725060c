"""Decoded materials on disk: a file is decoded once, a bad one stops nothing."""

import errno

import numpy as np
import pytest

from launch.experiments.pbr.cache import NO_CATEGORY, is_passing, place, prepare, reduced
from launch.experiments.pbr.categories import Categories
from launch.experiments.pbr.decoding import Loaded
from launch.experiments.pbr.layers import CLEAN, GAME
from launch.experiments.pbr.sources import Entry
from launch.experiments.pbr.synthetic import material
from launch.experiments.pbr.textures import UnreadableTextureError


class Files:
    """Entries whose reading is counted."""

    def __init__(self):
        self.read = []

    def entry(self, name, category="stone", domain=CLEAN, stamp="1", error=None):
        def read():
            self.read.append(name)
            if error:
                raise error
            flat = np.full((20, 40, 3), 0.5, np.float32)
            maps = {key: flat for key in ("albedo", "diffuse", "normal")}
            single = {key: flat[..., 0] for key in ("roughness", "metallic", "ao", "height")}
            return Loaded(maps | single, ("albedo",))

        return Entry(name, domain, category, stamp, read)


@pytest.fixture
def files():
    return Files()


def test_a_material_is_decoded_once(files, tmp_path):
    entries = [files.entry("a"), files.entry("b", "metal")]
    first = prepare(entries, Categories(), tmp_path, 64)
    again = prepare(entries, Categories(), tmp_path, 64)
    assert files.read == ["a", "b"]
    assert [m.name for m in again.materials] == ["a", "b"]
    np.testing.assert_array_equal(again.materials[0].packed, first.materials[0].packed)
    assert again.materials[0].truth == ("albedo",)
    names = Categories().names
    assert [names[m.category] for m in again.materials] == ["stone", "metal"]


def test_another_content_or_size_lies_elsewhere(files, tmp_path):
    entry, changed = files.entry("a"), files.entry("a", stamp="2")
    places = {place(entry, tmp_path, 64), place(changed, tmp_path, 64), place(entry, tmp_path, 32)}
    assert len(places) == 3


def test_larger_textures_are_reduced_to_their_shorter_side(files, tmp_path):
    [material] = prepare([files.entry("a")], Categories(), tmp_path, 10).materials
    assert material.size == (10, 20)
    [material] = prepare([files.entry("a")], Categories(), tmp_path, 99).materials
    assert material.size == (20, 40)


def test_what_cannot_be_used_says_why(files, tmp_path):
    entries = [
        files.entry("bad", error=UnreadableTextureError(tmp_path / "x.png", "is damaged")),
        files.entry("nameless", None),
        files.entry("left", "plastic"),
        files.entry("game", None, GAME),
    ]
    found = prepare(entries, Categories(), tmp_path, 64)
    assert [m.name for m in found.materials] == ["game"]
    assert "is damaged" in found.bad["bad"] and found.bad["nameless"] == NO_CATEGORY
    assert found.counts == {"stone": 1, "plastic": 1}
    assert "left" not in files.read
    assert "materials by category: stone 1, plastic 1" in found.why_so_few()


@pytest.mark.parametrize(
    "error, passes",
    [
        (OSError(errno.EIO, "input/output error"), True),
        (OSError("cannot identify image file"), False),
        (ValueError("is smaller than 32 pixels"), False),
    ],
)
def test_what_the_machine_could_not_read_is_tried_again(files, tmp_path, error, passes):
    assert is_passing(error) is passes
    entry = files.entry("a", error=error)
    for _ in range(2):
        assert "a" in prepare([entry], Categories(), tmp_path, 64).bad
    assert len(files.read) == (2 if passes else 1)


def test_labels_stay_whole_numbers():
    maps = material(0, "stone", CLEAN, 16)
    labels = np.zeros((16, 16), np.uint8)
    labels[:, 8:] = 3
    small = reduced(maps | {"classes": labels}, 8)
    assert set(np.unique(small["classes"])) == {0, 3}
    assert small["diffuse"].shape == (8, 8, 3)
