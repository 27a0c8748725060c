"""File names of those who publish materials: which files belong together, and what each is."""

from pathlib import Path

import pytest

from launch.experiments.pbr.naming import parse
from launch.experiments.pbr.sources import group_files


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("planks_diff_1k.jpg", ("planks_1k", "diffuse")),
        ("planks_nor_gl_4k.png", ("planks_4k", "normal_gl")),
        ("Rock020_1K-JPG_Color.jpg", ("Rock020_1K-JPG", "albedo")),
        ("metal_plate_02_rough_1k.jpg", ("metal_plate_02_1k", "roughness")),
        ("tiles 016 base color.png", ("tiles 016", "albedo")),
        ("door_metallicRoughness.png", ("door", "metallic_roughness")),
        ("rock/albedo.png", ("", "albedo")),
        ("rock/albedo_2k.png", ("2k", "albedo")),
        ("wall01.dds", ("wall01", None)),
        ("wall_n_001.dds", ("wall_n_001", None)),
        ("n.dds", ("n", None)),
        ("GrassHillAlbedo.tif", ("GrassHill", "albedo")),
        ("BricksBaseColor_2K.png", ("Bricks_2K", "albedo")),
        ("RustyMetal.png", ("RustyMetal", None)),
        ("lamp_base.png", ("lamp_base", None)),
    ],
)
def test_names_tell_material_and_map(file, expected):
    assert parse(Path(file)) == expected


HABITS = {
    "Rock053_2K-JPG": {
        "_Color": "albedo",
        "_NormalGL": "normal_gl",
        "_NormalDX": "normal_dx",
        "_Displacement": "height",
        "_AmbientOcclusion": "ao",
    },
    "Rock054_2K-JPG": {"_Color": "albedo", "_Metalness": "metallic"},
    "Stone_Wall_001": {"_COLOR": "albedo", "_NORM": "normal", "_ROUGH": "roughness"},
    "Stone_Wall_002": {"_COLOR": "albedo", "_DISP": "height", "_ROUGH": "roughness"},
    "T_OakPlank_01": {"_D": "diffuse", "_N": "normal", "_ORM": "orm"},
    "T_OakPlank_02": {"_D": "diffuse", "_N": "normal", "_ORM": "orm"},
    "rusted-iron": {"-albedo": "albedo", "-normal-ogl": "normal_gl", "-ao": "ao"},
    "vbclahq_2K": {"_Albedo": "albedo", "_Gloss": "gloss", "_Displacement": "height"},
    "tiles 016": {" base color": "albedo", " roughness": "roughness"},
    "door_wood": {"_baseColor": "albedo", "_metallicRoughness": "metallic_roughness"},
    "SM_Gun_01": {"_BC": "albedo", "_N": "normal", "_R": "roughness"},
    "helmet": {"_baseColorTexture": "albedo", "_normalTexture": "normal"},
    "sofa": {"_BaseMap": "albedo", "_NormalMap": "normal", "_MaskMap": "mask_map"},
    "crate": {"_AlbedoTransparency": "albedo", "_MetallicSmoothness": "metallic_smoothness"},
}


def test_files_are_joined_only_if_they_differ_in_the_suffix_alone(tmp_path):
    for material, maps in HABITS.items():
        for suffix in maps:
            (tmp_path / f"{material}{suffix}.png").touch()
    found = {
        name: {path.stem.removeprefix(name): kind for kind, path in files.items()}
        for name, files in group_files(tmp_path, [])
    }
    assert found == HABITS


def test_letter_case_does_not_part_a_material(tmp_path):
    for name in ("Oak_Color.png", "oak_normal.png"):
        (tmp_path / name).touch()
    groups = dict(group_files(tmp_path, []))
    assert list(groups) == ["Oak"]
    assert set(groups["Oak"]) == {"albedo", "normal"}


def test_another_resolution_is_another_material(tmp_path):
    for name in ("oak_color_2k.png", "oak_normal_4k.png"):
        (tmp_path / name).touch()
    assert list(dict(group_files(tmp_path, []))) == ["oak_2k", "oak_4k"]


def test_files_of_one_material_lie_in_one_folder(tmp_path):
    """Else the colour of one would be joined with the relief of another."""
    (tmp_path / "oak").mkdir()
    for name in ("oak_albedo.png", "oak/albedo.png", "oak/normal.png"):
        (tmp_path / name).touch()
    notes = []
    found = {name: set(files.values()) for name, files in group_files(tmp_path, notes)}
    assert found == {"oak": {tmp_path / "oak/albedo.png", tmp_path / "oak/normal.png"}}
    assert notes == ["oak_albedo.png: the files of oak are those in oak/"]


def test_folders_behind_symbolic_links_are_read(tmp_path):
    (tmp_path / "elsewhere" / "oak").mkdir(parents=True)
    (tmp_path / "elsewhere" / "oak" / "albedo.png").touch()
    (tmp_path / "materials").mkdir()
    (tmp_path / "materials" / "wood").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "again").symlink_to(tmp_path / "materials")  # a circle
    assert list(dict(group_files(tmp_path / "materials", []))) == ["wood/oak"]
