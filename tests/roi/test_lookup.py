"""A row means the file whose path ends as it does, from whatever folder both are counted."""

from pathlib import Path

import pytest

from launch.experiments.roi.lookup import FileIndex

ROOT = Path("/data")
FILES = [
    "images_001/images/a.png", "images_002/images/b.png", "x/0_0.png", "y/0_0.png",
    "train/patient00001/study1/view1_frontal.jpg", "train/patient00002/study1/view1_frontal.jpg",
    "files/p10/p10000032/s50414267/02aa804e.jpg", "dicom/1.2.840.5",
]  # fmt: skip
MEANT = {
    "a.png": ["images_001/images/a.png"],
    "a": ["images_001/images/a.png"],
    "images/b.png": ["images_002/images/b.png"],
    "images_002/images/b.png": ["images_002/images/b.png"],
    "./images_002/images/b.png": ["images_002/images/b.png"],
    "/home/me/nih/images_002/images/b.png": ["images_002/images/b.png"],
    "images_002\\images\\b.png": ["images_002/images/b.png"],
    "images_001/images/b.png": [],
    "other/a.png": [],
    "0_0.png": ["x/0_0.png", "y/0_0.png"],
    "x/0_0.png": ["x/0_0.png"],
    "CheXpert-v1.0-small/train/patient00002/study1/view1_frontal.jpg": [
        "train/patient00002/study1/view1_frontal.jpg"
    ],
    "patient00001/study1/view1_frontal.jpg": ["train/patient00001/study1/view1_frontal.jpg"],
    "02aa804e": ["files/p10/p10000032/s50414267/02aa804e.jpg"],
    "p10000032/s50414267/02aa804e.jpg": ["files/p10/p10000032/s50414267/02aa804e.jpg"],
    "1.2.840.5": ["dicom/1.2.840.5"],
    "c.png": [],
    "": [],
}


@pytest.mark.parametrize("name", MEANT)
def test_what_a_row_means(name):
    index = FileIndex(ROOT, [ROOT / file for file in FILES])
    assert index.find(name) == [ROOT / file for file in MEANT[name]]


def test_a_path_from_the_root_on_means_that_file_alone():
    index = FileIndex(ROOT, [ROOT / "a.png", ROOT / "b" / "a.png"])
    assert index.find("a.png") == [ROOT / "a.png"]
