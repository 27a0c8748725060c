"""Texture folders of games: every file is a texture, a normal map of one, or has a reason."""

from pathlib import Path

import pytest
from PIL import Image

from launch.experiments.pbr.game_files import below_textures, name_in_game, scan


@pytest.fixture
def found(tmp_path):
    """Scans a folder of empty files: names -> normal map or None, and reasons."""

    def run(*files, skip=lambda name: None):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        result = scan(tmp_path, skip)
        normals = {t.name: t.normal.name if t.normal else None for t in result.textures}
        return normals, result.left_out

    return run


def test_numbers_and_resolutions_tell_textures_apart(found):
    files = ("wall_001.dds", "wall_002.dds", "wall.png", "wall_4k.png")
    assert list(found(*files)[0]) == ["wall", "wall_001", "wall_002", "wall_4k"]


@pytest.mark.parametrize("name", ["dwemer_metal", "whiterun_alpha", "rock_h", "normal", "a_mask"])
def test_words_that_may_be_of_a_name_make_no_map(found, name):
    assert found(f"{name}.dds") == ({name: None}, {})


@pytest.mark.parametrize(
    ("texture", "normal"),
    [
        ("WRWood01.dds", "wrwood01_n.dds"),
        ("boulder_d.png", "boulder_n.png"),
        ("boulder_d.png", "boulder_d_n.png"),
        ("bag.tga", "BAG_Normal.tga"),
        ("roof.dds", "roof_nm.dds"),
        ("mur_\u00e9.dds", "mur_e\u0301_n.dds"),  # an accent by itself, as macOS writes it
        ("wall.v2.DDS", "WALL.V2_N.dds"),
        ("壁 (1).dds", "壁 (1)_n.dds"),
    ],
)
def test_normals_are_found_whatever_the_letters(found, texture, normal):
    normals, left_out = found(texture, normal)
    assert normals == {texture.rsplit(".", 1)[0]: normal}
    assert left_out == {}


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("head_msn.dds", "model-space normals of head"),
        ("head_sk.dds", "subsurface map of head"),
        ("head_g.dds", "glow map of head"),
        ("head_alpha.dds", "opacity map of head"),
        ("head_bl.dds", "back light map of head"),
        ("torso_n.dds", "normal map without its texture torso"),
        ("torso_msn.dds", "model-space normals without its texture torso"),
        ("effects/smoke.dds", "in effects/: effects, no material"),
        ("mod/LOD/tree.dds", "in LOD/: distant models, no material"),
        ("fomod/screen.png", "in fomod/: pictures of an installer"),
        ("__MACOSX/textures/._wall.dds", "what macOS adds"),
        ("other/textures/pbr/wall.dds", "finished PBR textures, which are never input"),
    ],
)
def test_what_is_left_out_has_a_reason(found, file, reason):
    normals, left_out = found("head.dds", file)
    assert normals == {"head": None}
    assert reason in left_out[file]


def pictures(folder, *names):
    for name in names:
        Image.new("RGB", (32, 32)).save(folder / name, "PNG")


def test_one_name_gives_one_output(tmp_path):
    pictures(tmp_path, "wall.dds", "Wall.png", "wall_n.png", "wall_normal.png")
    found = scan(tmp_path)
    assert [(t.path.name, t.normal and t.normal.name) for t in found.textures] == [
        ("wall.dds", "wall_n.png")
    ]
    assert found.left_out == {
        "Wall.png": "wall.dds is used instead",
        "wall_normal.png": "wall_n.png is used instead",
    }


@pytest.mark.parametrize("content", [b"", b"DDS ", b"<html>", None])
def test_a_damaged_file_never_takes_the_place_of_a_good_one(tmp_path, content):
    """Neither a texture nor a normal map; nor does one of which only the head is good."""
    pictures(tmp_path, "wall.png", "wall_n.tga", "good.png")
    cut = (tmp_path / "good.png").read_bytes()[:-30]
    for name in ("wall.dds", "wall.jpg", "wall_n.dds"):
        (tmp_path / name).write_bytes(cut if content is None else content)
    found = scan(tmp_path)
    [texture] = [t for t in found.textures if t.base == "wall"]
    assert (texture.path.name, texture.normal and texture.normal.name) == ("wall.png", "wall_n.tga")
    assert found.left_out.keys() == {"wall.dds", "wall.jpg", "wall_n.dds"}
    assert all(reason.startswith(f"{name}: ") for name, reason in found.left_out.items())


def test_of_damaged_files_alone_each_has_its_reason(found):
    normals, left_out = found("wall.dds", "wall.png")
    assert (normals, list(left_out)) == ({"wall": None}, ["wall.png"])
    assert left_out["wall.png"].startswith("wall.png: ")


def test_what_is_skipped_takes_no_place(found):
    files = ("wall.dds", "wall.png", "wall_n.dds", "wall_n.png")
    normals, left_out = found(*files, skip=lambda name: name.endswith(".dds") or None)
    assert normals == {"wall": "wall_n.png"}
    assert left_out == dict.fromkeys(("wall.dds", "wall_n.dds"), "skip in predict.yaml")


def test_what_is_asked_for_is_converted_whatever_it_is_called(found):
    files = ("head.dds", "head_g.dds", "effects/fire.dds", "pbr/wall.dds")
    normals, left_out = found(
        *files, skip=lambda name: False if "_g" in name or "/" in name else None
    )
    assert list(normals) == ["head", "head_g", "effects/fire"]
    assert list(left_out) == ["pbr/wall.dds"]


def test_the_textures_of_a_mod_are_found_from_its_root(tmp_path):
    assert below_textures(tmp_path) == tmp_path
    (tmp_path / "Textures").mkdir()
    assert below_textures(tmp_path) == tmp_path / "Textures"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/games/Data/Textures/arch/wall", "arch/wall"),
        ("/mods/textures/mine/textures/wall", "wall"),
        ("/mods/arch/textures", None),
    ],
)
def test_a_game_looks_below_its_folder_of_textures(path, name):
    assert name_in_game(Path(path)) == name


def test_files_that_are_no_textures_are_counted(tmp_path):
    for name in ("wall.dds", "wall.psd", "notes.txt", "LICENSE", "sub/other.PSD"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert scan(tmp_path).others == {".psd": 2, ".txt": 1, "LICENSE": 1}
