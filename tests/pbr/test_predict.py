"""From a folder of textures to what a game loads: every file has an output or a reason."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch import Tensor

from launch.errors import ConfigError, MissingError
from launch.experiments.pbr import dds, mod_files, textures
from launch.experiments.pbr.maps import MapsFromAlbedo
from launch.experiments.pbr.predict import (
    Settings,
    convert_folder,
)
from launch.experiments.pbr.synthetic import material

SIDE = 64
PATCHER = "PBRNifPatcher/launch.json"
CLASSES = 7


class Fixed:
    """Networks that darken the colour, and see roughness .6, metal .2, AO 1, a ramp of height."""

    def __init__(self) -> None:
        self.conditions: list[Tensor | None] = []

    def convert(self, image: Tensor, condition: Tensor | None, relief: Tensor) -> Tensor:
        self.conditions.append(condition)
        maps = image.new_ones(1, 7, *image.shape[-2:])
        maps[:, :3] = image[:, :3] / 2
        maps[:, 3], maps[:, 4], maps[:, 6] = 0.6, 0.2, image[:, 0]
        return maps

    def game_condition(self, image: Tensor) -> Tensor | None:
        shares = torch.full((1, CLASSES, *image.shape[-2:]), 0.1)
        shares[:, 6] = 0.4
        return torch.cat([shares, torch.zeros(1, 1, *image.shape[-2:]), shares[:, :1] * 10], dim=1)


def surface() -> dict[str, np.ndarray]:
    return material(0, "stone", "game", SIDE)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A mod as people have it, below `in`."""
    root = tmp_path / "in"
    maps, normal = surface(), surface()["normal"] * [1, -1, 1]
    colour = np.rint(maps["diffuse"] * 255).astype(np.uint8)
    levels = np.rint((normal + 1) / 2 * 255).astype(np.uint8)
    specular = np.tile(np.linspace(0, 255, SIDE, dtype=np.uint8), (SIDE, 1))
    opacity = np.uint8(255) * (np.hypot(*np.mgrid[-32:32, -32:32]) < 25).astype(np.uint8)
    files = {
        "town/Wall_001.dds": np.dstack([colour, np.full((SIDE, SIDE), 255, np.uint8)]),
        "town/wall_001_n.dds": np.dstack([levels, specular]),
        "town/wall_002.dds": np.dstack([colour[::-1], opacity]),
    }
    for name, image in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"".join(dds.encode([image], "rgba8", srgb=False)))
    (root / "clutter").mkdir()
    Image.fromarray(colour[:50, :46]).save(root / "clutter" / "odd.png")
    Image.fromarray(colour[:9]).save(root / "clutter" / "tiny.png")
    (root / "clutter" / "page.png").write_text("<html>")
    (root / "effects").mkdir()
    Image.fromarray(colour).save(root / "effects" / "smoke.png")
    return root


def convert(folder: Path, networks: Fixed | None = None, identity: str = "1", **said):
    out = folder.parent / "out"
    return convert_folder(networks or Fixed(), identity, folder, out, Settings(**said)), out


def records(out: Path) -> dict[str, dict]:
    lines = (out / "manifest.jsonl").read_text().splitlines()
    return {record["file"]: record for record in map(json.loads, lines)}


def test_every_file_has_an_output_or_a_reason(folder, capsys):
    (folder / "read me.txt").touch()
    counts, out = convert(folder)
    assert counts == {"textures": 3, "kept": 0, "left_out": 3}
    said = capsys.readouterr().out
    assert "left out clutter/tiny.png: 64x9 is smaller" in said
    assert "left out clutter/page.png: page.png: no known image format" in said
    assert "left out effects/smoke.png: in effects/" in said
    assert "left out files that are no textures: 1 .txt" in said
    found = {p.relative_to(out).as_posix() for p in out.rglob("*.dds")}
    names = ("town/Wall_001", "town/wall_002", "clutter/odd")
    assert found == {path for name in names for path in mod_files.outputs(name, "dds")}
    assert set(records(out)) == {
        *("town/Wall_001.dds", "town/wall_002.dds", "clutter/odd.png"),
        *("clutter/tiny.png", "clutter/page.png", "effects/smoke.png"),
    }


def decoded(out: Path, name: str, suffix: str = "") -> np.ndarray:
    return dds.decode((out / "textures" / "pbr" / f"{name}{suffix}.dds").read_bytes())


def test_what_the_game_loads_holds_the_maps(folder):
    _, out = convert(folder)
    diffuse = textures.stored(folder / "town" / "Wall_001.dds").pixels
    colour = decoded(out, "town/Wall_001")
    np.testing.assert_allclose(colour[..., :3], diffuse[..., :3] / 2, atol=16)
    assert (colour[..., 3] == 255).all()
    packed = decoded(out, "town/Wall_001", "_rmaos")
    np.testing.assert_allclose(packed.mean((0, 1)), [153, 51, 255, 255], atol=1)
    height = decoded(out, "town/Wall_001", "_p")[..., 0]
    np.testing.assert_allclose(height, diffuse[..., 0], atol=16)
    given = textures.stored(folder / "town" / "wall_001_n.dds").pixels[..., :3]
    normal = decoded(out, "town/Wall_001", "_n")[..., :3]
    np.testing.assert_allclose(normal.mean((0, 1)), given.mean((0, 1)), atol=2)


def test_sizes_levels_and_alpha_are_those_of_the_input(folder):
    _, out = convert(folder)
    content = (out / "textures/pbr/town/wall_002.dds").read_bytes()
    header = dds.read_header(content)
    assert (header.height, header.width, header.levels) == (SIDE, SIDE, 7)
    given = textures.stored(folder / "town" / "wall_002.dds").pixels[..., 3].astype(int)
    assert np.abs(dds.decode(content)[..., 3] - given).max() <= 2
    odd = dds.read_header((out / "textures/pbr/clutter/odd.dds").read_bytes())
    assert (odd.height, odd.width) == (50, 46)


def test_maps_to_look_at(folder):
    _, out = convert(folder, write="png")
    assert not (out / "textures").exists()
    maps = out / "maps" / "town"
    assert textures.read(maps / "wall_002_albedo.png").shape == (SIDE, SIDE, 4)
    roughness = textures.read(maps / "wall_002_roughness.png")
    np.testing.assert_allclose(roughness, 0.6, atol=1 / 255)
    height = textures.read(maps / "wall_002_height.png")
    given = textures.read(folder / "town" / "wall_002.dds")[..., :1]
    np.testing.assert_allclose(height, given, atol=1e-4)
    normal = textures.read(maps / "Wall_001_normal.png") * 2 - 1
    np.testing.assert_allclose(normal, surface()["normal"], atol=0.02)


def test_entries_of_the_patcher(folder):
    (folder / "predict.yaml").write_text("town/wall_001: {height_scale: 0.5}")
    _, out = convert(folder)
    entries = json.loads((out / PATCHER).read_text())
    scales = {entry["texture"]: entry["displacement_scale"] for entry in entries}
    assert scales == {"clutter\\odd": 1, "town\\Wall_001": 0.5, "town\\wall_002": 1}


def test_rules_reach_the_maps(folder):
    rules = {
        "clutter": {"skip": True},
        "effects/*": {"skip": False, "metallic": 1},
        "town/wall_001.dds": {"roughness_scale": 0.5, "roughness_offset": 0.1},
        "town/wall_002": {"class": "metal", "wrap_x": True, "wrap_y": False},
    }
    (folder / "predict.yaml").write_text(yaml.safe_dump(rules, sort_keys=False))
    networks = Fixed()
    counts, out = convert(folder, networks, write="png")
    assert counts["textures"] == 3
    maps = out / "maps"
    found = records(out)
    np.testing.assert_allclose(textures.read(maps / "effects/smoke_metallic.png"), 1)
    rough = textures.read(maps / "town/Wall_001_roughness.png")
    np.testing.assert_allclose(rough, 0.4, atol=1 / 255)
    assert found["clutter/odd.png"]["left_out"] == "skip in predict.yaml"
    wall = found["town/wall_002.dds"]
    assert (wall["class"], wall["confidence"]) == ("metal", 1)
    assert (wall["wrap_x"], wall["wrap_y"]) == (True, False)
    assert found["town/Wall_001.dds"]["class"] == "wood"
    assert any(bool((c[:, 4] == 1).all()) for c in networks.conditions if c is not None)


def test_the_specular_in_alpha_is_a_hint_for_roughness(folder):
    (folder / "predict.yaml").write_text("town: {specular_hint: 0.2}")
    _, out = convert(folder, write="png")
    rough = textures.read(out / "maps/town/Wall_001_roughness.png")[..., 0]
    np.testing.assert_allclose(
        rough[0], 0.6 - 0.2 * (np.arange(SIDE) / (SIDE - 1) - 0.5), atol=0.01
    )
    without = textures.read(out / "maps/town/wall_002_roughness.png")
    np.testing.assert_allclose(without, 0.6, atol=1 / 255)


def test_a_dry_run_says_all_and_writes_nothing(folder, capsys):
    counts, out = convert(folder, dry_run=True)
    assert counts == {"textures": 3, "kept": 0, "left_out": 3}
    assert (
        "convert town/Wall_001.dds (64x64, normals: wall_001_n.dds) ->" in capsys.readouterr().out
    )
    assert not out.exists()


def test_what_is_finished_is_kept(folder):
    _, out = convert(folder)
    assert convert(folder)[0] == {"textures": 0, "kept": 3, "left_out": 3}
    (out / "textures/pbr/town/wall_002_n.dds").unlink()
    assert convert(folder)[0]["textures"] == 1
    (folder / "predict.yaml").write_text("clutter: {metallic: 0}")
    assert convert(folder)[0]["textures"] == 1, "another rule"
    assert convert(folder, lossless_below=0)[0]["textures"] == 3, "another setting"
    assert convert(folder, lossless_below=0, identity="2")[0]["textures"] == 3, "other networks"


def test_an_interrupted_conversion_goes_on(folder):
    class Stops(Fixed):
        def convert(self, image, condition, relief):
            if len(self.conditions) >= 5:
                raise KeyboardInterrupt
            return super().convert(image, condition, relief)

    with pytest.raises(KeyboardInterrupt):
        convert(folder, Stops())
    counts, out = convert(folder)
    assert counts["kept"] + counts["textures"] == 3
    assert 1 <= counts["kept"] <= 2
    assert not list(out.rglob("*.partial"))


def test_the_contact_sheet_shows_what_was_made_and_what_was_not(folder):
    _, out = convert(folder)
    page = (out / "contact_sheet.html").read_text()
    assert "3 textures converted" in page
    assert "wood, confidence 0.40" in page
    assert "assumed: flat normals: there is no _n" in page
    assert "in effects/: effects, no material" in page
    strip = np.asarray(Image.open(out / "contact_sheet" / "town" / "Wall_001.jpg"))
    assert strip.shape[0] == 128
    assert strip.shape[1] == 8 * 128 + 7 * 2


def test_a_map_that_blocks_would_harm_stays_uncompressed(folder):
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(noise).save(folder / "clutter" / "noise.png")
    _, out = convert(folder)
    assert "noise.dds is uncompressed" in records(out)["clutter/noise.png"]["notes"][0]
    np.testing.assert_allclose(decoded(out, "clutter/noise")[..., :3], noise / 2, atol=1)
    _, out = convert(folder, lossless_below=0)
    assert records(out)["clutter/noise.png"]["notes"] == []


def test_a_damaged_normal_map_is_replaced_by_a_flat_one(folder):
    (folder / "town" / "wall_001_n.dds").write_bytes(b"DDS " + bytes(200))
    _, out = convert(folder)
    assert "flat normals: wall_001_n.dds" in records(out)["town/Wall_001.dds"]["assumed"][0]


def test_two_textures_never_write_one_file(folder):
    Image.new("RGB", (SIDE, SIDE)).save(folder / "town" / "wall_002_p.png")
    (folder / "predict.yaml").write_text("town/wall_002_p.png: {skip: false}")
    _, out = convert(folder)
    assert "would overwrite an output of" in records(out)["town/wall_002_p.png"]["left_out"]


def test_one_texture_alone(folder):
    out = folder.parent / "out"
    counts = convert_folder(Fixed(), "1", folder / "town" / "wall_002.dds", out, Settings())
    assert counts == {"textures": 1, "kept": 0, "left_out": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("town: {class: mettal}", "class: mettal, which is none of .*Did you mean 'metal'"),
        ("town: {rough: 1}", "unknown key 'rough'"),
    ],
)
def test_wrong_rules_stop_before_anything_is_written(folder, text, message):
    (folder / "predict.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        convert(folder)
    assert not (folder.parent / "out").exists()


def test_output_among_the_input_is_refused(folder):
    with pytest.raises(ConfigError, match="would be read the next time"):
        convert_folder(Fixed(), "1", folder, folder / "out", Settings())


def test_names_are_those_below_the_folder_of_textures(tmp_path):
    """Archives hold folders of options; two of them with the same file give one."""
    for file in ("00 Core/Textures/arch/Wall.dds", "01 Red/textures/arch/wall.dds", "01 Red/a.dds"):
        (tmp_path / "mod" / file).parent.mkdir(parents=True, exist_ok=True)
        colour = np.dstack([surface()["diffuse"] * 255, np.full((SIDE, SIDE), 255)])
        content = b"".join(dds.encode([colour.astype(np.uint8)], "bc1", srgb=True))
        (tmp_path / "mod" / file).write_bytes(content)
    _, out = convert(tmp_path / "mod")
    found = records(out)
    assert found["01 Red/a.dds"]["name"] == "01 Red/a"
    assert found["00 Core/Textures/arch/Wall.dds"]["name"] == "arch/Wall"
    reason = found["01 Red/textures/arch/wall.dds"]["left_out"]
    assert reason == "would overwrite an output of 00 Core/Textures/arch/Wall.dds"
    assert (out / "textures/pbr/arch/Wall_rmaos.dds").is_file()
    assert "arch\\Wall" in [e["texture"] for e in json.loads((out / PATCHER).read_text())]


def test_a_name_that_leaves_no_room_for_its_maps_stops_nothing(folder):
    (folder / "clutter" / "odd.png").rename(folder / "clutter" / f"{'x' * 240}.png")
    counts, out = convert(folder)
    assert counts["textures"] == 2
    assert "name too long" in records(out)[f"clutter/{'x' * 240}.png"]["left_out"]


def test_an_output_that_is_no_folder_is_refused(folder):
    (folder.parent / "out").touch()
    with pytest.raises(ConfigError, match="cannot be written to: File exists"):
        convert(folder)


def test_archives_and_normal_maps_alone_are_told(folder, capsys):
    (folder / "more.bsa").touch()
    convert(folder, dry_run=True)
    assert "archives are not opened (.bsa): extract them first" in capsys.readouterr().out
    with pytest.raises(MissingError, match="reasons are above"):
        convert(folder / "town" / "wall_001_n.dds")
    assert "is the normal map of Wall_001.dds; give that" in capsys.readouterr().out


def test_a_mod_may_be_converted_into_itself(folder, tmp_path):
    folder.rename(tmp_path / "Textures")
    counts = convert_folder(Fixed(), "1", tmp_path, tmp_path, Settings())
    assert counts["textures"] == 3
    assert (tmp_path / "textures" / "pbr" / "town" / "wall_002.dds").is_file()


def test_rules_may_lie_in_the_folder_textures_of_a_mod(folder, tmp_path, capsys):
    (folder / "predict.yaml").write_text("town: {skip: true}")
    folder.rename(tmp_path / "Textures")
    convert_folder(Fixed(), "1", tmp_path, tmp_path / "out", Settings(dry_run=True))
    assert "left out town/wall_002.dds: skip in predict.yaml" in capsys.readouterr().out


def test_nothing_to_convert_is_missing_data(tmp_path):
    with pytest.raises(MissingError, match="is not there"):
        convert(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingError, match="has no texture to convert: no file of a kind"):
        convert(tmp_path / "empty")


def test_wrong_settings_are_named():
    networks = MapsFromAlbedo.__new__(MapsFromAlbedo)
    with pytest.raises(ConfigError, match=r"write='jpg'.*'dds', 'png' or 'both'"):
        MapsFromAlbedo.predict(networks, Path(), Path(), write="jpg")  # type: ignore[arg-type]
