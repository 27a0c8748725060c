"""What `task=inspect` says of a slice, and draws."""

from pathlib import Path

import numpy as np
from PIL import Image

from launch.experiments.winding.slices import RawSlice, SyntheticSpiral
from launch.experiments.winding.synthetic import Spiral


def test_a_spiral_is_told_with_its_size_and_pitch(tmp_path: Path) -> None:
    data = SyntheticSpiral(Spiral(size=96, pitch=8.0, radius=90.0, warp=0.0, noise=0.0))
    data.seed = 0
    lines = data.inspect(tmp_path)
    assert "1 slices of 96x96 model pixels" in lines[0]
    told = float(lines[1].removeprefix("pitch ").split()[0])
    assert abs(told - 8.0) < 0.5
    with Image.open(tmp_path / "slices.png") as sheet:
        assert sheet.width > 2 * 96


def test_what_a_file_does_not_say_is_told(tmp_path: Path) -> None:
    """A coloured picture of vertical layers, ten pixels apart."""
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(160) / 10)
    grey = np.broadcast_to(wave, (120, 160))
    colour = np.stack([grey, grey * 0.9, grey * 0.8], axis=-1)
    Image.fromarray(np.rint(colour * 255).astype(np.uint8)).save(tmp_path / "a.png")
    lines = RawSlice(tmp_path / "a.png").inspect(tmp_path)
    assert "assumed: colour was averaged to grey" in lines
    assert 9 < float(lines[1].removeprefix("pitch ").split()[0]) < 11
