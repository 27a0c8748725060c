"""The page of a conversion."""

import numpy as np
import pytest
from PIL import Image

from launch.experiments.pbr import contact_sheet
from launch.experiments.pbr.contact_sheet import COLUMNS, save_strip, sentence, strip, write
from launch.experiments.pbr.mod_files import Result
from launch.experiments.pbr.pictures import GAP, SIDE

RECORD = {
    "file": "a<b>.dds", "class": "stone", "confidence": 0.875, "wrap_x": True, "wrap_y": False,
    "assumed": ["flat normal"], "notes": ["kept 31 dB"], "rule": {"class": "stone"},
    "size": (256, 128), "preview": "contact_sheet/a b.jpg",
}  # fmt: skip


@pytest.fixture
def result():
    maps = np.full((7, 64, 64), 65535, np.uint16)
    return Result(maps, np.full((64, 64, 3), (128, 128, 255), np.uint8), None)


def test_a_texture_is_told_in_a_sentence():
    told = "a<b>.dds: stone 0.88; tiles in x; flat normal; kept 31 dB"
    assert sentence(RECORD) == told
    other = RECORD | {"confidence": None, "wrap_x": False, "assumed": [], "notes": []}
    assert sentence(other) == "a<b>.dds: no class; does not tile"


def test_input_maps_and_look_stand_side_by_side(result, tmp_path):
    image = np.full((64, 64, 6), 255, np.uint8)
    picture = strip(image, result)
    assert picture.shape == (SIDE, len(COLUMNS) * (SIDE + GAP) - GAP, 3)
    albedo = COLUMNS.index("albedo") * (SIDE + GAP)
    assert (picture[:, albedo : albedo + SIDE] == 255).all()
    path = save_strip(tmp_path, "area/wall", image, result)
    assert path == "contact_sheet/area/wall.jpg"
    assert Image.open(tmp_path / path).size == picture.shape[1::-1]


def test_of_a_high_texture_the_upper_part_is_shown(tmp_path):
    maps = np.zeros((7, 2000, 32), np.uint16)
    image = np.zeros((2000, 32, 6), np.uint8)
    image[:128] = 255
    picture = strip(image, Result(maps, image[..., 3:], None))
    assert picture.shape[0] == 4 * SIDE and (picture[:, :SIDE] == 255).all()
    write(tmp_path / "sheet.html", [RECORD | {"size": (2000, 32)}], {})
    assert "its upper part is shown" in (tmp_path / "sheet.html").read_text()


def test_the_page_shows_every_texture_and_what_was_left_out(tmp_path):
    write(tmp_path / "sheet.html", [RECORD], {"z.tga": "is <damaged>"})
    page = (tmp_path / "sheet.html").read_text()
    assert "1 textures converted" in page and "stone 1" in page
    assert "<b>a&lt;b&gt;.dds</b> 128x256" in page
    assert 'src="contact_sheet/a%20b.jpg"' in page
    assert "<td>z.tga</td><td>is &lt;damaged&gt;</td>" in page
    assert "1 files left out" in page
    assert all(f"<span>{name}</span>" in page for name in contact_sheet.COLUMNS)
