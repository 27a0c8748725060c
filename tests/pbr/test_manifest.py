"""A conversion that was stopped goes on where it was."""

import json

import pytest

from launch.experiments.pbr.manifest import Manifest


@pytest.fixture
def folder(tmp_path):
    """A conversion of one texture, whose output lies there."""
    (tmp_path / "wall.dds").touch()
    Manifest(tmp_path, "weights 1").add({"file": "wall", "stamp": "9", "outputs": ["wall.dds"]})
    return tmp_path


def test_a_finished_texture_is_not_made_again(folder):
    found = Manifest(folder, "weights 1").finished("wall", "9")
    assert found is not None and found["outputs"] == ["wall.dds"]


@pytest.mark.parametrize(
    "made_by, file, stamp", [("weights 2", "wall", "9"), ("weights 1", "wall", "10"),
                             ("weights 1", "floor", "9")],
)  # fmt: skip
def test_one_of_another_model_another_source_or_unknown_is(folder, made_by, file, stamp):
    assert Manifest(folder, made_by).finished(file, stamp) is None


def test_one_whose_output_is_gone_is_made_again(folder):
    (folder / "wall.dds").unlink()
    assert Manifest(folder, "weights 1").finished("wall", "9") is None


def test_a_line_that_was_cut_ends_what_is_known(folder):
    with (folder / "manifest.jsonl").open("a") as file:
        file.write('{"file": "floor", "outp')
    assert list(Manifest(folder, "weights 1").before) == ["wall"]


def test_the_end_lists_this_run_in_order_and_what_was_left_out(folder):
    manifest = Manifest(folder, "weights 1")
    manifest.add({"file": "window", "stamp": "1", "outputs": []})
    manifest.add({"file": "door", "stamp": "1", "outputs": []})
    returned = manifest.close({"broken": "damaged"})
    lines = [json.loads(line) for line in manifest.path.read_text().splitlines()]
    assert [line["file"] for line in returned] == ["door", "window"]
    assert lines == [*returned, {"file": "broken", "left_out": "damaged"}]
    assert not list(folder.glob("*.partial"))
