"""A painted mask."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from launch.errors import MissingError
from launch.masks.image_file import ImageFile

CPU = torch.device("cpu")


def painted(folder: Path) -> Path:
    picture = np.zeros((20, 40), np.uint8)
    picture[:, :20] = 255
    cv2.imwrite(str(folder / "mask.png"), picture)
    return folder / "mask.png"


def test_white_counts_and_the_picture_is_resized(tmp_path: Path) -> None:
    mask = ImageFile(painted(tmp_path)).generate(7, {}, (10, 20), CPU)
    assert mask.shape == (1, 1, 10, 20)
    assert mask[..., :9].min() == 1 and mask[..., 11:].max() == 0


def test_invert_swaps_black_and_white(tmp_path: Path) -> None:
    path = painted(tmp_path)
    plain = ImageFile(path).generate(0, {}, (20, 40), CPU)
    swapped = ImageFile(path, invert=True).generate(0, {}, (20, 40), CPU)
    assert torch.equal(plain + swapped, torch.ones_like(plain))


def test_what_is_transparent_does_not_count(tmp_path: Path) -> None:
    picture = np.full((8, 8, 4), 255, np.uint8)
    picture[:, 4:, 3] = 0
    cv2.imwrite(str(tmp_path / "mask.png"), picture)
    mask = ImageFile(tmp_path / "mask.png").generate(0, {}, (8, 8), CPU)
    assert mask[..., :4].min() == 1 and mask[..., 4:].max() == 0


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    with pytest.raises(MissingError, match=r"notes\.png cannot be read"):
        ImageFile(path).generate(0, {}, (4, 4), CPU)
