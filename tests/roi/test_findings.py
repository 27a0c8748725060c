"""Labels and boxes from CSV files, and what is said about files that are not as they should be."""

import numpy as np
import pytest
from launch.experiments.roi.findings import (
    NIH_LABELS,
    drawn,
    parse_labels,
    read_boxes,
    read_findings,
)

from launch.errors import ConfigError


def write(path, text):
    path.write_text(text)
    return path


def test_official_csv(tmp_path):
    path = write(
        tmp_path / "Data_Entry_2017.csv",
        "Image Index,Finding Labels,Follow-up #,Patient ID\n"
        "00000001_000.png,Cardiomegaly|Hernia,0,1\n"
        "00000002_000.png,No Finding,0,2\n",
    )
    first, second = read_findings(path, NIH_LABELS)
    shown = {NIH_LABELS[n] for n in np.flatnonzero(first.labels)}
    assert (first.name, first.patient) == ("00000001_000.png", "1")
    assert shown == {"Cardiomegaly", "Hernia"}
    assert not second.labels.any()


def test_derived_csv_takes_the_patient_from_the_file_name(tmp_path):
    path = write(tmp_path / "a.csv", 'image,labels\n00000007_003.png,"Mass, Nodule"\n8_0.png,\n')
    first, second = read_findings(path, NIH_LABELS)
    assert first.patient == "00000007" and first.labels.sum() == 2
    assert second.labels.sum() == 0


def test_labels_are_whole_words():
    assert parse_labels("Mass", ["Masses", "Mass"], "here").tolist() == [0, 1]


def test_a_label_of_the_list_that_is_not_used_is_left_out():
    assert parse_labels("Hernia|Mass", ["Mass"], "here").tolist() == [1]


def test_an_unknown_label_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "a.csv", "image,labels\na_0.png,Mass\nb_0.png,Cardiomegalie\n")
    with pytest.raises(ConfigError, match=r"line 3.*'Cardiomegalie'.*'Cardiomegaly'"):
        read_findings(path, NIH_LABELS)


def test_a_missing_column_is_named_with_those_there_are(tmp_path):
    path = write(tmp_path / "a.csv", "image,finding\na.png,Mass\n")
    with pytest.raises(ConfigError, match=r"no column 'Finding Labels'.*image, finding"):
        read_findings(path, NIH_LABELS)


def test_official_boxes_are_on_1024_pixels_and_derived_ones_on_the_file(tmp_path):
    official = write(
        tmp_path / "official.csv",
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Mass,512,256,128,64,,\n",
    )
    derived = write(tmp_path / "own.csv", "file,label,x,y,w,h\na.png,Mass,160,80,40,20\n")
    expected = {"a.png": [(0.5, 0.25, 0.125, 0.0625)]}
    assert read_boxes(official, {"a.png": (320, 320)}) == expected
    assert read_boxes(derived, {"a.png": (320, 320)}) == expected


def test_boxes_of_other_images_are_left_out(tmp_path):
    path = write(tmp_path / "own.csv", "file,label,x,y,w,h\nb.png,Mass,1,2,3,4\n")
    assert read_boxes(path, {"a.png": (10, 10)}) == {}


def test_a_box_that_is_no_number_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "own.csv", "file,label,x,y,w,h\na.png,Mass,left,2,3,4\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_boxes(path, {"a.png": (10, 10)})


def test_boxes_are_drawn_at_any_size():
    area = drawn([(0.5, 0.25, 0.25, 0.5)], 8)
    assert area[2:6, 4:6].all() and area.sum() == 8
    assert drawn([(0.99, 0.99, 0.001, 0.001)], 8).sum() == 1
