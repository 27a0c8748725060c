"""NIH-format data: split by patient, found at any depth, and readable complaints."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from launch.errors import ConfigError, MissingError
from launch.experiments.roi.data import NIHXrays

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
    for part, files in (("train", data.train_set), ("validation", data.validation_set)):
        for n, xray in enumerate(data.parts[part]):
            item = files[n]
            assert item["image"].shape == item["regions"].shape == (1, 8, 8)
            expected = 16 if xray.name == "00000001_000.png" else 0
            assert item["regions"].sum() == expected
            assert item["labels"].tolist() == [1, int(int(xray.patient) % 2 == 0)]


def path(name):
    return f"images_{name[9:12]}/images/{name}"


def rewritten(folder, name, header, row):
    """Another CSV of the same images; `row` gives the cells from the official ones."""
    lines = (folder / "Data_Entry_2017.csv").read_text().splitlines()[1:]
    text = "\n".join([header, *(row(*line.split(",")) for line in lines)])
    (folder / name).write_text(text + "\n")
    return folder / name


LAYOUTS = {
    "derived": ("image,labels", lambda name, found, _: f'{name},"{found.replace("|", ",")}"'),
    "relative": ("Path,labels", lambda name, found, _: f"{path(name)},{found}"),
    "from above": ("Path,labels", lambda name, found, _: f"archive/nih/{path(name)},{found}"),
    "absolute": ("Path,labels", lambda name, found, _: f"/home/me/{path(name)},{found}"),
    "one column a label": (
        "Path,Mass,Nodule", lambda name, found, _: f"{path(name)},1.0,{int('Nodule' in found)}",
    ),
    "padded patients": ("image,labels,patient_id", lambda n, f, p: f"{n},{f},{int(p):06}"),
    "patients of pandas": ("image,labels,subject_id", lambda n, f, p: f"{n},{f},{float(p)}"),
    "without suffix": ("dicom_id,labels", lambda name, found, _: f"{name[:-4]},{found}"),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_a_csv_gives_the_same_split(folder, layout):
    official = build(folder, validation_fraction=0.3)
    other = build(
        folder,
        validation_fraction=0.3,
        train_csv=rewritten(folder, "other.csv", *LAYOUTS[layout]),
    )
    for data in (official, other):
        data.setup("fit")
    for part in ("train", "validation"):
        first, second = (
            {(x.path, x.patient, tuple(x.labels)) for x in data.parts[part]}
            for data in (official, other)
        )
        assert first == second and first


def test_equal_names_in_two_folders_are_two_images(tmp_path):
    rows = ["Path,labels,patient_id"]
    for patient, (side, level) in enumerate((("a", 20), ("b", 200), ("c", 90))):
        (tmp_path / side).mkdir()
        Image.fromarray(np.full((20, 20), level, np.uint8)).save(tmp_path / side / "0_0.png")
        rows.append(f"{side}/0_0.png,Mass,{patient}")
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join(rows))
    data = build(tmp_path, validation_fraction=0.3)
    data.setup("fit")
    levels = [
        round(255 * (float(item["image"].mean()) * 0.226 + 0.449))
        for files in (data.train_set, data.validation_set)
        for item in (files[n] for n in range(len(files)))
    ]
    assert sorted(levels) == [20, 90, 200]


def test_a_name_that_several_files_have_is_left_out_and_named(folder):
    again = folder / "copy" / "00000004_000.png"
    again.parent.mkdir()
    again.write_bytes((folder / path(again.name)).read_bytes())
    data = build(folder, max_bad_fraction=0.2)
    with pytest.warns(
        UserWarning, match=r"00000004_000\.png \(2 files have this name, such as copy"
    ):
        data.setup("fit")
    assert sum(map(len, data.parts.values())) == 19


def test_a_list_of_paths_means_its_images_and_one_of_strangers_is_an_error(folder):
    (folder / "test_list.txt").write_text(
        f"{path('00000003_000.png')}\nx/{path('00000003_001.png')}\n"
    )
    data = build(folder)
    data.setup("fit")
    assert patients(data, "test") == {"3"}
    (folder / "test_list.txt").write_text("somebody.png\nelse.png\n")
    with pytest.raises(MissingError, match=r"no image has a name of this list, such as somebody"):
        build(folder).setup("fit")
    (folder / "test_list.txt").write_text("00000003_000.png\n00000003_001.png\nelse.png\n")
    with pytest.warns(UserWarning, match="1 of 3 images are not there"):
        build(folder).setup("fit")


def test_all_loader_processes_keep_their_images_in_one_place(folder, monkeypatch):
    data = build(folder, memory_gigabytes=9 * 64 / 1e9)
    data.setup("fit")
    kept = data.train_set.kept
    assert kept is data.validation_set.kept and kept.room == 9 and kept.pixels.nbytes == 9 * 64
    loader = DataLoader(data.train_set, 6, num_workers=2)
    first = torch.cat([batch["image"] for batch in loader])
    assert kept.filled.sum() == 9, "what the workers decoded is here too"
    known = data.train_set.pixels(0).copy()
    monkeypatch.setattr("launch.experiments.roi.radiographs.read", None)
    assert (data.train_set.pixels(0) == known).all()
    assert first.shape == (18, 1, 8, 8)


def test_images_that_are_kept_are_those_that_were_decoded(folder):
    with_memory, without = build(folder), build(folder, memory_gigabytes=0.0)
    for data in (with_memory, without):
        data.setup("fit")
    for _ in range(2):
        for n in range(18):
            pair = [data.train_set[n]["image"] for data in (with_memory, without)]
            assert torch.equal(*pair)
    assert not without.train_set.kept.room


def test_a_process_that_is_not_forked_keeps_nothing(folder):
    data = build(folder)
    data.setup("fit")
    copy = pickle.loads(pickle.dumps(data.train_set))
    assert copy.kept.room == 0 and (copy.pixels(3) == data.train_set.pixels(3)).all()


def test_inspection_tells_what_was_found_assumed_and_left_out(folder):
    Image.fromarray(np.full((20, 30), 3000, np.uint16)).save(folder / path("00000001_000.png"))
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(folder / "stranger.png")
    (folder / path("00000002_000.png")).unlink()
    data = build(folder, max_bad_fraction=0.1, validation_fraction=0.3)
    with pytest.warns(UserWarning):
        said = "\n".join(data.inspect(folder / "sheets"))
    assert "images of 7 patients (" in said and "validation: 6 images of 3 patients" in said
    assert "labels: Mass 1" in said
    for phrase in ("read as 12 bits in 16", "not square, squeezed to a square"):
        assert f"{phrase}: 1 images (00000001_000.png)" in said
    assert "left out: 1 images that no row names" in said and "stranger.png" in said
    assert "1 of 20 images are of no use: 00000002_000.png (missing)" in said
    assert {p.name for p in (folder / "sheets").iterdir()} == {"train.png", "validation.png"}


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
