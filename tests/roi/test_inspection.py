"""What is told of X-rays before anyone trains on them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from launch.experiments.roi.findings import Xray
from launch.experiments.roi.inspection import described, draw, named, remarks, spread


@pytest.fixture
def xrays(tmp_path):
    """A square picture, one that is not, and one that is damaged; of two patients."""
    shapes = {"a_0.png": (8, 8), "a_1.png": (8, 12), "b_0.png": None}
    for name, shape in shapes.items():
        if shape:
            Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / name)
        else:
            (tmp_path / name).write_bytes(b"no picture")
    labels = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    box = [(0.1, 0.1, 0.5, 0.5)]
    return [
        Xray(name, name[0], labels[n], path=tmp_path / name, boxes=box if n == 0 else [])
        for n, name in enumerate(shapes)
    ]


def test_numbers_labels_and_what_was_assumed(xrays):
    first, labels, *rest = described(xrays, ("Mass", "Edema"))
    assert first == "3 images of 2 patients (a, b, ...), 1 with boxes"
    assert labels == "labels: Mass 2, Edema 1; 1 images without any"
    assert "not square, squeezed to a square: 1 images (a_1.png)" in rest
    (left_out,) = [line for line in rest if line.startswith("left out")]
    assert left_out.endswith("1 images (b_0.png)")


def test_a_square_grey_picture_needs_no_remark(xrays):
    assert remarks(xrays[0].path) == []


def test_at_most_three_are_named():
    assert named(["a", "b", "c"]) == "3 images (a, b, c)"
    assert named(list("abcd")) == "4 images (a, b, c, ...)"


@pytest.mark.parametrize("count, places", [(9, [0, 1, 2, 3, 4, 5, 6, 7]), (3, [0, 3, 6]), (1, [0])])
def test_those_looked_at_are_spread_over_all(count, places):
    xrays = [Xray(str(n), "", np.zeros(1)) for n in range(8)]
    assert [int(x.name) for x in spread(xrays, count)] == places


def test_a_sheet_shows_what_can_be_decoded(xrays, tmp_path):
    draw(xrays, tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").size[0] > 0
    assert Path(tmp_path / "sheet.png").stat().st_size > 0
