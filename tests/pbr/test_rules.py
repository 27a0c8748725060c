"""`predict.yaml`: which patterns match, what wins, and what is refused."""

import pytest

from launch.errors import ConfigError, MissingError
from launch.experiments.pbr.rules import Rule, Rules, matches, read


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("armor", True),
        ("armor/iron", True),
        ("armor/iron/plate.dds", True),
        ("armor/iron/plate", True),
        ("*plate*", True),
        ("armor/*.dds", True),
        ("arm", False),
        ("plate.dds", False),
        ("armor/iron/plat", False),
    ],
)
def test_patterns_are_folders_files_or_globs(pattern, expected):
    assert matches(pattern, "armor/iron/plate.dds") is expected


def test_paths_may_be_written_as_on_windows():
    assert (
        Rules({"Armor\\Steel\\": {"class": "metal"}})("armor/steel/plate.dds").category == "metal"
    )


def test_later_patterns_win_key_by_key_whatever_the_letters():
    given = {"Armor": {"class": "metal", "metallic": 1}, "armor/strap.dds": {"class": "leather"}}
    rules = Rules(given)
    strap = rules("ARMOR/Strap.dds")
    assert (strap.category, strap.metallic) == ("leather", 1)
    assert rules("clutter/cup.dds") == Rule()


def test_a_pattern_that_matches_nothing_is_named_with_the_nearest_that_would():
    rules = Rules({"armour": {}, "Armor/Strap.dd": {}, "armor": {}, "boots": {}})
    rules("ARMOR/Strap.dds")
    assert rules.unused() == [
        "armour matches no texture. Did you mean 'armor'?",
        "armor/strap.dd matches no texture. Did you mean 'armor/strap.dds' or 'armor/strap'?",
        "boots matches no texture.",
    ]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"metalic": 1}, "unknown key 'metalic'.*Did you mean 'metallic'"),
        ({"wrap_x": "perhaps"}, "wrap_x='perhaps'"),
        ({"normals": "vulkan"}, "normals='vulkan'.*'directx' or 'opengl'"),
        ({"metallic": 2}, "less than or equal to 1"),
        (True, "is True, not keys with values"),
    ],
)
def test_mistakes_are_named_with_their_place(said, message):
    with pytest.raises(ConfigError, match=message) as error:
        Rules({"armor": said})
    assert error.value.message.startswith("predict.yaml: armor")


def test_rules_are_read_from_the_folder_or_from_a_path(tmp_path):
    assert read(None, tmp_path).given == []
    (tmp_path / "predict.yaml").write_text("armor/: {class: metal}")
    assert read(None, tmp_path)("armor/plate.dds").category == "metal"
    assert read(tmp_path / "predict.yaml", tmp_path / "elsewhere").given
    with pytest.raises(MissingError, match=r"other\.yaml is not there"):
        read(tmp_path / "other.yaml", tmp_path)
    (tmp_path / "predict.yaml").write_bytes("# für".encode("latin-1"))
    with pytest.raises(ConfigError, match="no UTF-8 text"):
        read(None, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"), [("[1, 2]", "has to hold patterns"), ("{", "no YAML")]
)
def test_a_file_of_something_else_is_refused(tmp_path, text, message):
    (tmp_path / "predict.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read(None, tmp_path)


def test_patterns_that_are_spelled_twice_add_up_in_one_spelling_they_are_refused(tmp_path):
    rules = Rules({"Armor": {"class": "metal"}, "armor/": {"metallic": 1}})
    assert rules("armor/plate.dds") == Rule(**{"class": "metal", "metallic": 1})
    (tmp_path / "predict.yaml").write_text("a: {class: metal}\na: {skip: true}\n")
    with pytest.raises(ConfigError, match="a stands there twice"):
        read(None, tmp_path)
