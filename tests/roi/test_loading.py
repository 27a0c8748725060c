"""What all X-ray data have in common."""

import numpy as np
import pytest
import torch
from PIL import Image

from launch.experiments.roi.loading import EVALUATION_BATCH, XrayData, brightness, normalised


class Greys(XrayData):
    """120 images of 16 pixels, each of one brightness."""

    img_size = 16

    def load(self, stage):
        levels = np.linspace(0, 1, 120)
        self.train_set = self.validation_set = [
            {"image": torch.from_numpy(normalised(np.full((1, 16, 16), level)))} for level in levels
        ]


@pytest.fixture
def greys():
    return Greys(batch_size=4, workers=0, persistent_workers=True, evaluate="validation")


def test_brightness_comes_back_from_what_networks_read():
    values = np.linspace(0, 1, 11)
    read = torch.from_numpy(normalised(values))
    np.testing.assert_allclose(brightness(read), values, atol=1e-6)
    assert normalised(np.array(0.449)) == 0
    assert brightness(torch.tensor([-9.0, 9.0])).tolist() == [0, 1]


def test_validation_takes_every_image_once_in_large_batches(greys):
    greys.setup("fit")
    batches = [len(batch["image"]) for batch in greys.val_dataloader()]
    assert batches == [EVALUATION_BATCH, EVALUATION_BATCH, 20]


def test_workers_of_validation_are_at_most_two_and_stay(greys):
    greys.setup("fit")
    assert not greys.val_dataloader().persistent_workers
    greys.workers = 8
    assert greys.val_dataloader().num_workers == 2
    assert greys.val_dataloader().persistent_workers


def test_inspection_tells_how_many_there_are_and_leaves_sheets(greys, tmp_path):
    lines = greys.inspect(tmp_path)
    assert lines[0] == "train: 120 images of 16 pixels, made by the program"
    assert [line.split(":")[0] for line in lines] == ["train", "validation"]
    for part in ("train", "validation"):
        with Image.open(tmp_path / f"{part}.png") as sheet:
            assert min(sheet.size) >= 16
