"""Small picture folders, and the real photographs where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def save(tmp_path):
    """save("train/a.png", height, width) writes a picture of random blocks below `tmp_path`."""

    def write(name, height=40, width=48, seed=None):
        draw = np.random.default_rng(abs(hash(name)) if seed is None else seed)
        blocks = draw.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
        pixels = blocks.repeat(4, 0).repeat(4, 1)[:height, :width]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def photos():
    """Folder of `train` and `val` photographs."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    root = Path(os.environ.get("LAUNCH_DATA", beside)) / "sr"
    if not root.is_dir():
        pytest.skip("no photographs here; set LAUNCH_DATA to a folder with sr/train and sr/val")
    return root
