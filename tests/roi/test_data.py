"""NIH-format data: split by patient, found at any depth, and readable complaints."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from launch.experiments.roi.data import NIHXrays
from PIL import Image

from launch.errors import ConfigError, MissingError

LABELS = ["Mass", "Nodule"]
REAL = Path(os.environ.get("LAUNCH_DATA", Path(__file__).parents[3] / "shared" / "data")) / "cxr"


@pytest.fixture
def folder(tmp_path):
    """Ten patients with two images each, in numbered folders as NIH packs them."""
    lines = ["Image Index,Finding Labels,Patient ID"]
    for patient in range(10):
        for visit in range(2):
            name = f"{patient:08}_{visit:03}.png"
            path = tmp_path / f"images_{visit:03}" / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((20, 20), 10 * patient + visit, np.uint8)
            Image.fromarray(pixels).save(path)
            lines.append(f"{name},{'Mass' if patient % 2 else 'Nodule|Mass'},{patient}")
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def build(folder, **settings):
    return NIHXrays(root=folder, labels=LABELS, img_size=8, batch_size=4, workers=0, **settings)


def patients(data, part):
    return {xray.patient for xray in data.parts[part]}


def test_no_patient_is_in_two_parts(folder):
    (folder / "test_list.txt").write_text("00000003_000.png\n00000003_001.png\n")
    data = build(folder, validation_fraction=0.3)
    data.setup("fit")
    assert patients(data, "test") == {"3"}
    assert len(patients(data, "validation")) == 3
    assert len(patients(data, "train")) == 6
    assert not patients(data, "train") & patients(data, "validation")
    assert data.report()["images"] == {"train": 12, "validation": 6, "test": 2}


def test_a_patient_in_both_lists_is_an_error(folder):
    (folder / "test_list.txt").write_text("00000003_000.png\n")
    with pytest.raises(ConfigError, match=r"1 patients are both tested and trained on, such as 3"):
        build(folder).setup("fit")


def test_items_hold_image_labels_and_boxes(folder):
    (folder / "bboxes.csv").write_text("file,label,x,y,w,h\n00000001_000.png,Mass,5,0,10,10\n")
    data = build(folder, validation_fraction=0.5)
    data.setup("fit")
    for part in ("train", "validation"):
        for n, xray in enumerate(data.parts[part]):
            item = data.files(part, {x.name: folder / path(x.name) for x in data.parts[part]})[n]
            assert item["image"].shape == item["regions"].shape == (1, 8, 8)
            expected = 16 if xray.name == "00000001_000.png" else 0
            assert item["regions"].sum() == expected
            assert item["labels"].tolist() == [1, int(int(xray.patient) % 2 == 0)]


def path(name):
    return f"images_{name[9:12]}/images/{name}"


def test_batches_of_a_data_module(folder):
    data = build(folder)
    data.setup("fit")
    batch = next(iter(data.val_dataloader()))
    assert batch["image"].shape == (2, 1, 8, 8) and batch["image"].dtype == torch.float32


def test_missing_and_false_images_are_named_and_left_out(folder):
    (folder / path("00000000_000.png")).unlink()
    (folder / path("00000001_000.png")).write_text("no image")
    with pytest.raises(MissingError, match=r"2 of 20.*00000000_000\.png \(missing\), 00000001"):
        build(folder).setup("fit")
    data = build(folder, max_bad_fraction=0.2)
    with pytest.warns(UserWarning, match="left out"):
        data.setup("fit")
    assert data.report()["skipped_images"] == 2
    assert sum(map(len, data.parts.values())) == 18


def test_a_label_that_no_training_image_shows_is_named(folder):
    data = NIHXrays(root=folder, labels=["Mass", "Hernia"], img_size=8, workers=0)
    with pytest.warns(UserWarning, match="no training image shows Hernia"):
        data.setup("fit")


def test_testing_without_a_test_list_is_an_error(folder):
    with pytest.raises(MissingError, match=r"no test image.*test_list"):
        build(folder, evaluate="test").setup("validate")


def test_the_fingerprint_follows_names_and_labels(folder):
    first = build(folder)
    first.setup("fit")
    csv = folder / "Data_Entry_2017.csv"
    csv.write_text(csv.read_text().replace("Nodule|Mass", "Mass", 1))
    second = build(folder)
    second.setup("fit")
    assert first.fingerprint() != second.fingerprint()


@pytest.mark.skipif(not REAL.is_dir(), reason="real X-rays are not here; set LAUNCH_DATA")
def test_real_xrays_with_boxes():
    labels = ["Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule"]
    data = NIHXrays(REAL, labels, img_size=64, workers=0, validation_fraction=0.2)
    data.setup("fit")
    report = data.report()
    assert sum(report["images"].values()) > 300 and sum(report["with_boxes"].values()) > 20
    assert not patients(data, "train") & patients(data, "validation")
    boxed = next(n for n, x in enumerate(data.parts["train"]) if x.boxes)
    item = data.train_set[0, boxed]
    assert item["image"].std() > 0.1 and 0 < item["regions"].float().mean() < 0.6
