"""MatSynth's shards: columns to maps, categories by number, what is missing or damaged."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from launch.errors import MissingError
from launch.experiments.pbr.cache import prepare
from launch.experiments.pbr.categories import Categories
from launch.experiments.pbr.layers import CLEAN, TARGETS
from launch.experiments.pbr.matsynth import CATEGORIES, MatSynth
from launch.experiments.pbr.synthetic import material
from launch.experiments.pbr.textures import UnreadableTextureError

SIDE = 32


def png(values):
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels.squeeze()).save(file, "png")
    return {"bytes": file.getvalue(), "path": None}


def row(surface, seed=0, **changed):
    maps = material(seed, surface, CLEAN, SIDE)
    pictures = {name: png(maps[name]) for name in ("diffuse", "height", "roughness", "metallic")}
    return pictures | {
        "name": f"{surface}_{seed}",
        "category": CATEGORIES.index(surface),
        "metadata": {"license": "CC0"},
        "basecolor": png(maps["albedo"]),
        "normal": png((maps["normal"] + 1) / 2),
        **changed,
    }


@pytest.fixture
def shards(tmp_path):
    """Writes rows as one parquet shard or as one arrow stream."""
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def write(rows, suffix=".parquet", categories=None):
        table = arrow.Table.from_pylist(rows)
        if categories:
            features = {"category": {"names": categories, "_type": "ClassLabel"}}
            said = json.dumps({"info": {"features": features}})
            table = table.replace_schema_metadata({"huggingface": said})
        if suffix == ".parquet":
            parquet.write_table(table, tmp_path / "train-0.parquet")
        else:
            path = str(tmp_path / "data-0.arrow")
            with arrow.ipc.new_stream(path, table.schema) as writer:
                writer.write_table(table)
        return MatSynth(tmp_path)

    return write


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_row_is_a_material(shards, tmp_path, suffix):
    source = shards([row("wood"), row("metal", 1), row("stone", 2)], suffix)
    entries = source.entries()
    assert [entry.category for entry in entries] == ["wood", "metal", "stone"]
    assert source.notes == ["licences of MatSynth: CC0 3"]
    expected = material(1, "metal", CLEAN, SIDE)
    for _ in range(2):  # rows may be asked for again, and in any order
        maps = entries[1].read().maps
        for name in ("albedo", "metallic", "roughness"):
            actual = maps[name].reshape(expected[name].shape)
            np.testing.assert_allclose(actual, expected[name], atol=0.51 / 255)
    assert entries[0].read().maps["metallic"].max() == 0
    assert len(prepare(entries, Categories(), tmp_path / "cache", SIDE).materials) == 3


def test_numbers_of_categories_are_read_from_the_schema(shards):
    numbered = shards([row("wood", category=1)], categories=["metal", "wood"])
    assert numbered.entries()[0].category == "wood"
    assert shards([row("wood", category="leather")]).entries()[0].category == "leather"


def test_ao_is_derived_and_a_missing_diffuse_is_lit(shards):
    loaded = shards([row("stone", diffuse=None)]).entries()[0].read()
    assert loaded.derived == {"ao": "height", "diffuse": "albedo"}
    assert set(loaded.truth) == set(TARGETS)
    flat = shards([row("stone", height=None)]).entries()[0].read()
    assert set(flat.truth) == {"albedo", "roughness", "metallic"}


def test_a_damaged_picture_is_named_and_stops_nothing(shards, tmp_path):
    broken = {"bytes": b"no picture", "path": None}
    source = shards([row("wood"), row("metal", 1, normal=broken), row("wood", 2, category=9)])
    prepared = prepare(source.entries(), Categories(), tmp_path / "cache", SIDE)
    assert [m.name for m in prepared.materials] == ["wood/wood_0"]
    assert "normal: no known image format, or cut off" in prepared.bad["metal/metal_1"]


def test_a_picture_may_be_a_file_beside_the_shard(shards, tmp_path):
    (tmp_path / "oak.png").write_bytes(row("wood")["basecolor"]["bytes"])
    beside = {"bytes": None, "path": "oak.png"}
    found = shards([row("wood", basecolor=beside)]).entries()[0].read().maps["albedo"]
    np.testing.assert_allclose(found, material(0, "wood", CLEAN, SIDE)["albedo"], atol=0.51 / 255)
    gone = {"bytes": None, "path": "gone.png"}
    with pytest.raises(UnreadableTextureError, match=r"gone\.png"):
        shards([row("wood", basecolor=gone)]).entries()[0].read()


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    with pytest.raises(MissingError, match="no parquet or arrow files"):
        MatSynth(tmp_path).entries()
    (tmp_path / "train-0.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingError, match=r"pip install 'launch\[matsynth\]'"):
        MatSynth(tmp_path).entries()


def test_shards_in_a_folder_that_is_a_link_are_found(shards, tmp_path):
    shards([row("wood")])
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "data").symlink_to(tmp_path)
    assert [entry.category for entry in MatSynth(tmp_path / "links").entries()] == ["wood"]
