"""What a person takes home."""

import json
from pathlib import Path

import numpy as np
import tifffile
from launch.experiments.winding.channels import MAPS, Channels
from launch.experiments.winding.export import (
    overlay,
    polylines,
    write_animation,
    write_polylines,
    write_tifxyz,
)
from PIL import Image


def slice_maps() -> Channels:
    maps = {key: np.ones((1, 40, 50), np.float32) for key in MAPS}
    return Channels(**maps, downscale=4.0, origin=(100.0, 200.0), name="demo")


def mesh() -> np.ndarray:
    """Three columns at x = 10, 20, 30, four rows."""
    y, x = np.meshgrid([0, 10, 20, 30], [10, 20, 30], indexing="ij")
    return np.stack([x, y], -1)[None].astype(float)


SEEN = np.ones((1, 4, 3), bool)
SEEN[0, 3, 1] = False


def test_polylines_are_in_scan_pixels_without_unseen_vertices(tmp_path: Path) -> None:
    found = polylines(mesh(), SEEN, slice_maps(), np.array([[1.0, 0.5, 0.25]]))
    assert [line["winding"] for line in found["polylines"]] == [0, 1, 2]
    middle = found["polylines"][1]
    assert middle["points"] == [[180, 200], [180, 240], [180, 280]]
    assert middle["rows"] == [0, 1, 2] and middle["confidence"] == 0.5
    write_polylines(tmp_path / "lines.json", found)
    assert json.loads((tmp_path / "lines.json").read_text()) == found


def test_tifxyz_marks_unseen_vertices(tmp_path: Path) -> None:
    write_tifxyz(tmp_path, mesh(), SEEN, slice_maps(), step=10.0)
    x = tifffile.imread(tmp_path / "winding_0001" / "x.tif")
    assert x.reshape(-1).tolist() == [180, 180, 180, -1]
    meta = json.loads((tmp_path / "winding_0001" / "meta.json").read_text())
    assert meta["format"] == "tifxyz" and meta["scale"][0] == 1 / 40
    assert meta["bbox"] == [[180, 200, 0], [180, 280, 0]]


def test_the_overlay_draws_windings_and_marks_slips() -> None:
    grey = np.zeros((40, 50))
    error = np.zeros((4, 3))
    plain = overlay(grey, mesh()[0], error=error)
    assert plain.shape == (120, 150, 3) and plain.dtype == np.uint8
    red = (plain[..., 0] > 200) & (plain[..., 1] < 80)
    error[2, 0] = 1.0
    slipped = overlay(grey, mesh()[0], error=error)
    assert red.sum() == 0
    assert ((slipped[..., 0] > 200) & (slipped[..., 1] < 80)).sum() > 20


def test_the_overlay_outlines_the_mask() -> None:
    mask = np.zeros((40, 50), np.float32)
    mask[10:30] = 1
    drawn = overlay(np.zeros((40, 50)), mesh()[0], mask=mask)
    assert (drawn.min(2) == 255).any()


def test_frames_become_an_animation(tmp_path: Path) -> None:
    frames = [np.full((20, 30, 3), value, np.uint8) for value in (0, 128, 255)]
    write_animation(tmp_path / "fit.gif", frames)
    with Image.open(tmp_path / "fit.gif") as found:
        assert found.n_frames == 3
