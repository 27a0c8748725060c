"""The same weights have the same checksum, others another."""

import json

import pytest

from launch.record.checksum import sha256


def test_it_is_of_the_content(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_that_of_an_index_is_of_the_files_it_names(tmp_path):
    index, part = tmp_path / "model.safetensors.index.json", tmp_path / "1.safetensors"
    index.write_text(json.dumps({"weight_map": {"a": part.name, "b": part.name}}))
    found = [sha256(index)]
    for content in (b"first", b"second"):
        part.write_bytes(content)
        found.append(sha256(index))
    assert len(set(found)) == 3


@pytest.mark.parametrize("content", ["[", "{}", '{"weight_map": [1]}'])
def test_an_index_that_cannot_be_read_is_left_to_its_reader(tmp_path, content):
    (tmp_path / "a.index.json").write_text(content)
    assert len(sha256(tmp_path / "a.index.json")) == 64
