"""What a person takes home."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from launch.experiments.winding.channels import MAPS, Channels
from launch.experiments.winding.export import (
    overlay,
    polylines,
    scan_positions,
    write_animation,
    write_polylines,
    write_tifxyz,
)
from launch.experiments.winding.structure import shrink, shrunk_origin


def slice_maps() -> Channels:
    maps = {key: np.ones((1, 40, 50), np.float32) for key in MAPS}
    return Channels(**maps, downscale=4.0, origin=(100.0, 200.0), z=(7000.0,), name="demo")


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
    assert meta["bbox"] == [[180, 200, 7000], [180, 280, 7000]]


def valid_points(folder: Path) -> np.ndarray:
    """The points that Volume Cartographer reads: all but those with z <= 0, (n, 3)."""
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["format"] == "tifxyz" and len(meta["scale"]) == 2 and min(meta["scale"]) > 0
    x, y, z = (tifffile.imread(folder / f"{axis}.tif") for axis in "xyz")
    assert x.shape == y.shape == z.shape and x.dtype == np.float32
    points = np.stack([x, y, z], -1)[z > 0]
    low, high = np.array(meta["bbox"])
    assert (points >= low - 1e-3).all() and (points <= high + 1e-3).all()
    return points


@pytest.mark.parametrize("z", [None, (0.0,), (7000.0,), (0.0, 20.0, 40.0), (7000.0, 7020.0)])
def test_readers_find_as_many_points_as_were_written(tmp_path: Path, z) -> None:
    count = len(z or (0,))
    maps = {key: np.ones((count, 40, 50), np.float32) for key in MAPS}
    stack = Channels(**maps, z=z)
    seen = np.repeat(SEEN, count, 0)
    write_tifxyz(tmp_path, np.repeat(mesh(), count, 0), seen, stack, step=10.0)
    for winding in range(3):
        points = valid_points(tmp_path / f"winding_{winding:04d}")
        assert len(points) == seen[..., winding].sum()
        if z:
            assert sorted(set(points[:, 2].tolist())) == pytest.approx(z, abs=2e-3)


def test_a_surface_without_a_point_is_not_written(tmp_path: Path) -> None:
    seen = SEEN.copy()
    seen[..., 1] = False
    write_tifxyz(tmp_path, mesh(), seen, slice_maps(), step=10.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["winding_0000", "winding_0002"]


@pytest.mark.parametrize("downscale", [1.0, 2.0, 4.0, 8.0, 2.5])
def test_a_known_layer_comes_back_where_it_was_at_any_downscale(downscale: float) -> None:
    """One bright line at x = 301 of the scan, found as the maximum of the shrunk picture."""
    scan = np.zeros((240, 643), np.float32)
    x = np.arange(643)
    scan[:] = np.exp(-0.5 * ((x - 301) / (2 * downscale)) ** 2)
    small = shrink(scan, downscale)
    line = small[5]
    found = float((line * np.arange(line.size)).sum() / line.sum())
    channels = Channels(
        *np.ones((5, 1, *small.shape), np.float32),
        downscale=downscale,
        origin=shrunk_origin((0.0, 0.0), downscale),
    )
    position = scan_positions(np.array([[found, 5.0]]), channels)[0, 0]
    assert position == pytest.approx(301, abs=0.1 if downscale.is_integer() else 0.5)


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
