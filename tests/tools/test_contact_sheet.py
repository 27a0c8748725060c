"""Pictures and their histograms on one sheet."""

import numpy as np
from PIL import Image

from launch.tools import contact_sheet
from launch.tools.contact_sheet import AT_MOST, COLUMNS, GRAPH, SIDE, cell, histogram


def test_a_sheet_has_a_cell_per_picture_and_rows_of_six(tmp_path):
    picture = np.zeros((10, 20, 3), np.uint8)
    contact_sheet.write(tmp_path / "one.png", [("a", picture)])
    contact_sheet.write(tmp_path / "many.png", [("a", picture)] * (AT_MOST + 5))
    one, many = (Image.open(tmp_path / f"{name}.png").size for name in ("one", "many"))
    assert many[0] > (COLUMNS - 1) * one[0] - COLUMNS * 16
    assert many[1] > (AT_MOST // COLUMNS - 1) * one[1]


def test_no_pictures_make_no_sheet(tmp_path):
    contact_sheet.write(tmp_path / "none.png", [])
    assert not (tmp_path / "none.png").exists()


def test_a_picture_of_one_pixel_fills_its_cell():
    red = np.full((1, 1, 3), (255, 0, 0), np.uint8)
    assert np.asarray(cell("dot", red))[16 + SIDE // 2, SIDE // 2].tolist() == [255, 0, 0]


def test_a_histogram_peaks_at_the_level_of_a_flat_picture():
    drawn = np.asarray(histogram(np.full((8, 8, 3), 128, np.uint8)))[: GRAPH // 2]
    columns = np.flatnonzero((drawn < 255).any(axis=(0, 2)))
    assert abs(columns.mean() / SIDE - 0.5) < 0.02
