"""What a user types: mistakes in the data, a kill in the mask rung, the networks of scale=full."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from tests.command_line import launch, stopped

pytestmark = pytest.mark.slow

NIH = [
    "+experiment=roi/standard", "data=roi/nih", "data.labels=[Mass,Nodule]", "data.img_size=32",
    "data.workers=0", "data.batch_size=4", "recipe.iterations=2",
    "data.validation_fraction=0.5", "trainer.threads=1",
]  # fmt: skip
TWO_RUNGS = [
    "+experiment=roi/stochastic", "data.train_images=32", "data.validation_images=30",
    "data.batch_size=8", "recipe.classifier_iterations=4", "recipe.mask_iterations=24",
    "trainer.validate_every=8", "trainer.checkpoint_every=5", "trainer.log_every=1",
    "trainer.threads=1",
]  # fmt: skip
CONVNEXT = [
    "+experiment=roi/seed_literal", "scale=full", "module.classifier.backbone=convnext_atto",
    "data.img_size=64", "data.train_images=8", "data.validation_images=30", "data.batch_size=2",
    "recipe.accum_steps=2", "trainer.max_epochs=1", "trainer.accelerator=cpu", "trainer.threads=1",
]  # fmt: skip


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path):
    """Ten patients with two images each, in the format of NIH."""
    lines = ["Image Index,Finding Labels,Patient ID"]
    (tmp_path / "images").mkdir()
    for patient in range(10):
        for visit in range(2):
            name = f"{patient:08}_{visit:03}.png"
            pixels = np.full((20, 20), 10 * patient + visit, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name)
            lines.append(f"{name},{'Mass' if patient % 2 else 'Nodule|Mass'},{patient}")
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def change(folder, old, new):
    path = folder / "Data_Entry_2017.csv"
    path.write_text(path.read_text().replace(old, new))


MISTAKES = {
    "an unknown label": (
        lambda folder: change(folder, "Nodule|", "Nodul|"), 2,
        "line 2: there is no label 'Nodul'. Did you mean 'Nodule'?",
    ),
    "a patient in two splits": (
        lambda folder: (folder / "test_list.txt").write_text("00000003_000.png\n"), 2,
        "1 patients are both tested and trained on, such as 3",
    ),
    "a missing image": (
        lambda folder: (folder / "images" / "00000002_001.png").unlink(), 3,
        "1 of 20 images are of no use: 00000002_001.png (missing)",
    ),
    "a file that is no image": (
        lambda folder: (folder / "images" / "00000002_001.png").write_text("no image"), 3,
        "1 of 20 images are of no use: 00000002_001.png (no image)",
    ),
    "a CSV without a column": (
        lambda folder: change(folder, "Finding Labels", "Findings"), 2,
        "has no column 'Finding Labels' or 'labels'; it has Image Index, Findings, Patient ID",
    ),
    "a label that no image shows": (
        lambda folder: change(folder, "Nodule|", ""), 0,
        "no training image shows Nodule; they cannot be learnt",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_data_is_answered_in_one_sentence(folder, mistake):
    spoil, code, answer = MISTAKES[mistake]
    spoil(folder)
    exit_code, printed = launch(*NIH, f"data.root={folder}", f"run_dir={folder / 'run'}")
    assert exit_code == code, printed
    assert printed.count(answer) == 1, printed
    assert "Traceback" not in printed


def test_a_mask_rung_that_was_killed_ends_as_an_undisturbed_one(tmp_path):
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    code, printed = launch(*TWO_RUNGS, f"run_dir={whole}")
    assert code == 0, printed
    log, last = (broken / "mask" / name for name in ("metrics.csv", "checkpoints/last.ckpt"))
    stopped(*TWO_RUNGS, f"run_dir={broken}", when=lambda: last.is_file() and len(rows(log)) >= 7)
    iteration = torch.load(last, weights_only=True)["iteration"]
    assert 0 < iteration < 24 and iteration % 4
    code, printed = launch(f"resume={broken}")
    assert code == 0, printed
    weights = [(run / "mask" / "weights.safetensors").read_bytes() for run in (broken, whole)]
    assert weights[0] == weights[1]
    tables = [rows(run / "mask" / "metrics.csv") for run in (broken, whole)]
    temperatures = [
        [r["training/temperature"] for r in t if r["training/temperature"]] for t in tables
    ]
    assert temperatures[0] == temperatures[1] and len(set(temperatures[0])) == 6
    logs = [(run / "mask" / "train_metrics.csv").read_text() for run in (broken, whole)]
    assert logs[0] == logs[1]
    records = [json.loads((run / "run.json").read_text()) for run in (broken, whole)]
    assert records[0]["metrics"] == records[1]["metrics"]


def test_convnext_in_bfloat16_with_accumulation_and_channels_last(tmp_path):
    code, printed = launch(*CONVNEXT, f"run_dir={tmp_path}")
    assert code == 0, printed
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["status"], record["iteration"]) == ("completed", 2)
    assert record["metrics"]["coverage"] == pytest.approx(0.1, abs=0.005)
    (row,) = rows(tmp_path / "train_metrics.csv")
    assert row["steps"] == "4" and float(row["w_tv"]) > 0
    saved = torch.load(tmp_path / "networks.pt", weights_only=True)["state_dict"]
    convolutions = [v for v in saved.values() if v.ndim == 4 and min(v.shape) > 1]
    assert all(v.is_contiguous(memory_format=torch.channels_last) for v in convolutions)
