"""Labels and boxes from CSV files, and what is said about files that are not as they should be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from launch.errors import ConfigError
from launch.experiments.roi.findings import (
    NIH_LABELS,
    Xray,
    drawn,
    parse_labels,
    read_boxes,
    read_findings,
    refuse_repeated,
)


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
    (first, second), notes = read_findings(path, NIH_LABELS)
    shown = {NIH_LABELS[n] for n in np.flatnonzero(first.labels)}
    assert (first.name, first.patient) == ("00000001_000.png", "1")
    assert shown == {"Cardiomegaly", "Hernia"}
    assert not second.labels.any() and not notes


def test_derived_csv_takes_the_patient_from_the_file_name(tmp_path):
    path = write(tmp_path / "a.csv", 'image,labels\n00000007_003.png,"Mass, Nodule"\n8_0.png,\n')
    (first, second), notes = read_findings(path, NIH_LABELS)
    assert first.patient == "7" and first.labels.sum() == 2
    assert second.patient == "8" and second.labels.sum() == 0 and not notes


PATIENTS = {
    "00000007_003.png": "7",
    "images_001/images/00000007_003.png": "7",
    "CheXpert-v1.0-small/train/patient00007/study1/view1_frontal.jpg": "7",
    "files/p10/p10000032/s50414267/02aa804e-bde0afdd.jpg": "10000032",
    "p10000032\\s50414267\\02aa804e.jpg": "10000032",
    "1.2.840.5": "1.2.840.5",
    "anna.png": "anna",
    "7.png": "7",
}


@pytest.mark.parametrize("name", PATIENTS)
def test_the_patient_of_a_path(tmp_path, name):
    path = write(tmp_path / "a.csv", f"path,labels\n{name},Mass\n")
    (xray,), _ = read_findings(path, NIH_LABELS)
    assert xray.patient == PATIENTS[name]


@pytest.mark.parametrize("column", ["Patient ID", "patient_id", "PatientID", "subject_id"])
def test_a_column_of_patients_comes_first(tmp_path, column):
    path = write(tmp_path / "a.csv", f"image,labels,{column}\n00000001_000.png,Mass,0012\n")
    (xray,), _ = read_findings(path, NIH_LABELS)
    assert xray.patient == "12"


def test_a_column_per_label(tmp_path):
    path = write(
        tmp_path / "chexpert.csv",
        "Path,Sex,No Finding,Pleural Effusion,Pleural Thickening,Edema\n"
        "patient1/a.jpg,F,,1.0,0,-1.0\npatient2/b.jpg,M,1.0,,,\npatient3/c.jpg,M,0,0.0,1,1\n",
    )
    labels = ["Effusion", "Pleural_Thickening", "Edema", "Mass"]
    xrays, notes = read_findings(path, labels)
    assert [x.labels.tolist() for x in xrays] == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]]
    assert notes == [
        "chexpert.csv has no column for Mass: taken as absent",
        "chexpert.csv: 1 uncertain labels (-1) are taken as absent",
    ]


def test_a_value_that_is_no_label_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "a.csv", "Path,Mass\na.jpg,1\nb.jpg,0.7\n")
    with pytest.raises(ConfigError, match=r"line 3: Mass is '0\.7'; give 1, 0, -1 or nothing"):
        read_findings(path, ["Mass"])


def test_spelling_of_labels_does_not_matter():
    text = "pleural thickening|INFILTRATE|no finding"
    shown = parse_labels(text, NIH_LABELS, "here")
    assert {NIH_LABELS[n] for n in np.flatnonzero(shown)} == {"Pleural_Thickening", "Infiltration"}


def test_an_image_with_several_rows_is_an_error():
    image = Xray("a.png", "1", np.zeros(1), 2, Path("a.png"))
    with pytest.raises(ConfigError, match=r"1 images have several rows.*a\.png in lines 2, 7"):
        refuse_repeated(Path("x.csv"), [image, replace(image, line=7)])


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


A, SIZE = Path("a.png"), (320, 320)


def boxes_of(path):
    return read_boxes(path, lambda name: [A] if name == "a.png" else [], lambda _: SIZE)


def test_official_boxes_are_on_1024_pixels_and_derived_ones_on_the_file(tmp_path):
    official = write(
        tmp_path / "official.csv",
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Mass,512,256,128,64,,\n",
    )
    derived = write(tmp_path / "own.csv", "file,label,x,y,w,h\na.png,Mass,160,80,40,20\n")
    expected = {A: [(0.5, 0.25, 0.125, 0.0625)]}
    assert boxes_of(official) == boxes_of(derived) == expected


def test_boxes_of_other_images_are_left_out(tmp_path):
    path = write(tmp_path / "own.csv", "file,label,x,y,w,h\nb.png,Mass,1,2,3,4\n")
    assert boxes_of(path) == {}


def test_a_box_that_is_no_number_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "own.csv", "file,label,x,y,w,h\na.png,Mass,left,2,3,4\n")
    with pytest.raises(ConfigError, match="line 2"):
        boxes_of(path)


def test_boxes_are_drawn_at_any_size():
    area = drawn([(0.5, 0.25, 0.25, 0.5)], 8)
    assert area[2:6, 4:6].all() and area.sum() == 8
    assert drawn([(0.99, 0.99, 0.001, 0.001)], 8).sum() == 1
