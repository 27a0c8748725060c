"""Folders of materials and of games: names, conventions, packed maps, and bad input."""

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from launch.errors import MissingError
from launch.experiments.pbr import textures
from launch.experiments.pbr.cache import prepare
from launch.experiments.pbr.categories import Categories
from launch.experiments.pbr.decoding import points_down, split_packed
from launch.experiments.pbr.layers import CLEAN, UNKNOWN, unpack
from launch.experiments.pbr.shading import normals_of
from launch.experiments.pbr.sources import GameFolder, MaterialFolder
from launch.experiments.pbr.synthetic import material
from launch.tools.pictures import write_png

SIDE = 64


def save(folder: Path, maps: dict[str, np.ndarray], names: dict[str, str] | None = None) -> None:
    for name, values in maps.items():
        image = np.clip((values + 1) / 2 if name == "normal" else values, 0, 1).squeeze()
        levels = np.rint(image * (65535 if name == "height" else 255))
        path = folder / f"{(names or {}).get(name, name)}.png"
        write_png(path, levels.astype(np.uint16 if name == "height" else np.uint8))


def some(category: str = "stone", *names: str) -> dict[str, np.ndarray]:
    maps = material(0, category, CLEAN, SIDE)
    del maps["classes"]
    return {name: maps[name] for name in names or maps}


def test_a_folder_of_materials(tmp_path):
    save(tmp_path / "stone" / "granite", some("stone"))
    save(tmp_path / "wood" / "oak", some("wood", "albedo", "normal", "roughness"))
    entries = MaterialFolder(tmp_path).entries()
    assert [(e.name, e.category) for e in entries] == [
        ("stone/granite", "stone"),
        ("wood/oak", "wood"),
    ]
    loaded = entries[1].read()
    assert loaded.truth == ("albedo", "roughness")
    assert loaded.derived == {"diffuse": "albedo"}
    np.testing.assert_allclose(loaded.maps["albedo"], some("wood")["albedo"], atol=1 / 255)


def test_ambient_occlusion_is_derived_from_height_and_marked(tmp_path):
    save(tmp_path / "stone" / "a", some("stone", "albedo", "height"))
    loaded = MaterialFolder(tmp_path).entries()[0].read()
    assert loaded.derived["ao"] == "height"
    assert "ao" in loaded.truth
    np.testing.assert_allclose(loaded.maps["ao"], some("stone")["ao"], atol=0.01)


def test_a_diffuse_that_is_the_albedo_is_lit_again(tmp_path):
    maps = some("stone", "albedo", "normal")
    save(tmp_path / "stone" / "a", maps | {"diffuse": maps["albedo"]})
    loaded = MaterialFolder(tmp_path, diffuse_is_albedo=False).entries()[0].read()
    assert loaded.derived == {"diffuse": "albedo"}
    assert np.abs(loaded.maps["diffuse"] - loaded.maps["albedo"]).mean() > 0.02


def test_a_given_diffuse_is_lit_again_on_request_under_the_same_light_each_time(tmp_path):
    maps = some("stone", "albedo", "normal", "diffuse")
    save(tmp_path / "stone" / "a", maps)
    entry = MaterialFolder(tmp_path).entries()[0]
    given, first, second = (e.read() for e in (entry, entry.relit(), entry.relit()))
    assert (given.derived, first.derived) == ({}, {"diffuse": "albedo"})
    np.testing.assert_allclose(given.maps["diffuse"], maps["diffuse"], atol=1 / 255)
    np.testing.assert_array_equal(first.maps["diffuse"], second.maps["diffuse"])
    shade = first.maps["diffuse"] / first.maps["albedo"]  # 0.4 + 0.6 n.l, cast of 5 %
    assert 0.4 * 0.95 - 0.01 <= shade.min() < shade.max() <= 1.05 + 0.01
    assert np.abs(first.maps["diffuse"] - maps["diffuse"]).mean() > 0.02


def test_a_material_without_albedo_cannot_be_lit_again(tmp_path):
    save(tmp_path / "stone" / "a", some("stone", "diffuse", "normal"))
    entry = MaterialFolder(tmp_path, diffuse_is_albedo=False).entries()[0].relit()
    assert entry.read().derived == {}


def test_packed_maps_are_split():
    packed = np.zeros((4, 4, 3), np.float32)
    packed[..., :] = (0.1, 0.2, 0.3)
    assert {n: v.mean().round(1) for n, v in split_packed({"orm": packed}).items()} == {
        "ao": np.float32(0.1),
        "roughness": np.float32(0.2),
        "metallic": np.float32(0.3),
    }
    rmaos = split_packed({"rmaos": packed, "ao": packed[..., :1]})
    assert rmaos["roughness"].mean() == pytest.approx(0.1)
    assert rmaos["ao"].mean() == pytest.approx(0.1)  # a map by itself wins
    assert split_packed({"gloss": packed[..., :1]})["roughness"].mean() == pytest.approx(0.9)


@pytest.mark.parametrize("down", [False, True])
def test_direction_of_green_is_read_off_the_height(down, tmp_path):
    maps = some("leather", "albedo", "height")
    normal = normals_of(maps["height"], 4.0)
    stored = normal * [1, -1, 1] if down else normal
    assert points_down(stored, maps["height"]) is down
    save(tmp_path / "leather" / "a", maps | {"normal": stored})
    loaded = MaterialFolder(tmp_path).entries()[0].read()
    np.testing.assert_allclose(loaded.maps["normal"], normal, atol=0.02)


def test_a_game_folder_with_the_truth_of_a_mod(tmp_path):
    maps = some("metal")
    save(
        tmp_path / "area",
        {"wall_d": maps["diffuse"], "wall_n": (maps["normal"] * [1, -1, 1] + 1) / 2},
    )
    packed = np.stack([maps["roughness"], maps["metallic"], maps["ao"]], axis=-1)
    save(tmp_path / "pbr" / "area", {"wall": maps["albedo"], "wall_rmaos": packed})
    save(tmp_path / "area", {"bare": maps["diffuse"]})
    bare, wall = GameFolder(tmp_path).entries()
    assert (bare.name, wall.name) == ("area/bare", "area/wall_d")
    assert bare.read().truth == ()
    np.testing.assert_array_equal(bare.read().maps["normal"][0, 0], [0, 0, 1])
    loaded = wall.read()
    assert loaded.truth == ("albedo", "roughness", "metallic", "ao")
    np.testing.assert_allclose(loaded.maps["normal"], maps["normal"], atol=0.02)
    np.testing.assert_allclose(loaded.maps["metallic"], maps["metallic"], atol=1 / 255)


def test_bad_materials_are_named_and_the_others_kept(tmp_path):
    for name in ("good", "shapes", "broken", "empty"):
        save(tmp_path / "data" / "stone" / name, some("stone"))
    save(tmp_path / "data" / "paper" / "box", some("stone"))
    write_png(tmp_path / "data/stone/shapes/height.png", np.zeros((SIDE, SIDE // 2), np.uint8))
    (tmp_path / "data/stone/broken/ao.png").write_bytes(b"not a picture")
    for kind in ("albedo", "diffuse"):
        (tmp_path / f"data/stone/empty/{kind}.png").unlink()
    entries = MaterialFolder(tmp_path / "data").entries()
    prepared = prepare(entries, Categories(), tmp_path / "cache", SIDE)
    assert [m.name for m in prepared.materials] == ["stone/good"]
    assert "32x64 does not fit maps of 64x64" in prepared.bad["stone/shapes"]
    assert "ao.png" in prepared.bad["stone/broken"]
    assert "neither a diffuse nor an albedo" in prepared.bad["stone/empty"]
    assert prepared.counts["paper"] == 1


def test_a_second_file_for_a_map_is_named(tmp_path):
    save(tmp_path / "stone" / "a", some("stone", "albedo"))
    Image.new("RGB", (8, 8)).save(tmp_path / "stone" / "a" / "albedo.jpg")
    source = MaterialFolder(tmp_path)
    assert len(source.entries()) == 1
    assert any("already has albedo" in note for note in source.notes)


def test_an_empty_folder_is_missing_data(tmp_path):
    with pytest.raises(MissingError, match="has no materials"):
        MaterialFolder(tmp_path).entries()


def test_materials_are_decoded_once_and_reduced(tmp_path, monkeypatch):
    save(tmp_path / "in" / "stone" / "a", some("stone"))
    entries = MaterialFolder(tmp_path / "in").entries()
    first = prepare(entries, Categories(), tmp_path / "cache", 32).materials[0]
    assert first.size == (32, 32)
    monkeypatch.setattr(textures, "stored", lambda path: pytest.fail("decoded twice"))
    again = prepare(entries, Categories(), tmp_path / "cache", 32).materials[0]
    np.testing.assert_array_equal(first.packed, again.packed)
    window = unpack(np.stack(again.window(0, 0, 32, 32)))
    assert set(np.unique(window["classes"])) == {Categories().index("stone")} != {UNKNOWN}


def test_a_read_error_of_the_machine_is_not_remembered(tmp_path, monkeypatch):
    """A damaged file is bad for ever, a disk that failed once is asked again."""
    save(tmp_path / "in" / "stone" / "a", some("stone"))
    entries = MaterialFolder(tmp_path / "in").entries()

    def fail(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", fail)
        first = prepare(entries, Categories(), tmp_path / "cache", SIDE)
    assert "Input/output error" in first.bad["stone/a"]
    again = prepare(entries, Categories(), tmp_path / "cache", SIDE)
    assert [m.name for m in again.materials] == ["stone/a"]
    assert again.bad == {}


def test_materials_without_a_category_are_named_with_what_to_do(tmp_path):
    save(tmp_path / "in", {"oak": some("wood")["albedo"]}, {"oak": "oak_albedo"})
    prepared = prepare(
        MaterialFolder(tmp_path / "in").entries(), Categories(), tmp_path / "cache", SIDE
    )
    assert prepared.materials == []
    assert "oak: has no category: put it into a folder" in prepared.why_so_few()


def test_a_game_folder_says_what_it_left_out(tmp_path):
    save(tmp_path, {"wall": some()["diffuse"], "wall_g": some()["diffuse"]})
    source = GameFolder(tmp_path)
    assert [entry.name for entry in source.entries()] == ["wall"]
    assert source.notes == ["wall_g.png: glow map of wall"]


def test_what_is_shortened_or_not_read_is_told(tmp_path):
    """Heights keep 16 bits, colours do not; EXR is what Poly Haven's normals come in."""
    save(tmp_path / "stone/a", some("stone", "normal", "height"))
    deep = np.random.default_rng(0).integers(0, 65536, (SIDE, SIDE, 3), np.uint16)
    cv2.imwrite(str(tmp_path / "stone/a/albedo.png"), deep)
    (tmp_path / "stone/a/roughness.exr").touch()
    source = MaterialFolder(tmp_path)
    prepared = prepare(source.entries(), Categories(), tmp_path / "cache", SIDE)
    assert prepared.notes() == ["albedo: shortened to 8 bits per channel, in stone/a"]
    assert source.notes == ["kinds of pictures that are not read: 1 .exr; save PNG, TIFF or DDS"]
