"""Nothing that is written takes the place of something else."""

from pathlib import Path, PurePath

import pytest

from launch.errors import ConfigError
from launch.tools.names import distinct_names, refuse_overlap, set_aside


def test_names_lose_their_suffix_where_they_stay_apart():
    files = ["a/x.png", "b/x.png", "c.mp4", "c.gif", "1.2.840.5", "1.2.840.6"]
    assert distinct_names([PurePath(f) for f in files]) == [
        "a/x", "b/x", "c.mp4", "c.gif", "1.2.840.5", "1.2.840.6",
    ]  # fmt: skip


def test_names_that_differ_by_case_alone_keep_their_suffix():
    assert distinct_names([PurePath("X.png"), PurePath("x.jpg")]) == ["X.png", "x.jpg"]


@pytest.mark.parametrize(
    ("output", "said"), [("in", "is the input"), ("in/out", "lies inside"), (".", "holds")]
)
def test_an_output_that_touches_the_input_is_refused(tmp_path, output, said):
    (tmp_path / "in").mkdir()
    with pytest.raises(ConfigError, match=said):
        refuse_overlap(tmp_path / "in", tmp_path / output)


def test_a_link_to_the_input_is_the_input(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(ConfigError, match="is the input"):
        refuse_overlap(tmp_path / "in", tmp_path / "link")
    refuse_overlap(tmp_path / "in", tmp_path / "input")


def test_a_file_is_set_aside_under_the_first_free_name(tmp_path):
    names: list[Path] = []
    for text in "ab":
        (tmp_path / "log.csv").write_text(text)
        names.append(set_aside(tmp_path / "log.csv"))
    assert [(p.name, p.read_text()) for p in names] == [("log.1.csv", "a"), ("log.2.csv", "b")]
    assert not (tmp_path / "log.csv").exists()
