"""Containers of maps."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import zarr

from launch.errors import ConfigError, MissingError
from launch.experiments.winding import structure
from launch.experiments.winding.data import (
    Part,
    is_maps,
    read_maps,
    read_scan,
)
from launch.experiments.winding.synthetic import Spiral, spiral
from tests.winding.maps import write_directory

SMALL = Spiral(size=64, radius=100, flagged_gaps=1)


def write_zarr(path: Path, channels: list[str], **params: object) -> None:
    values = np.full((len(channels), 1, 6, 8), 51, np.uint8)
    array = zarr.create_array(path, shape=values.shape, dtype="uint8")
    array[:] = values
    array.attrs["preprocess_params"] = {"channels": channels, "downscale_xy": 4, **params}


def test_a_directory_comes_back_as_it_was_written(tmp_path: Path) -> None:
    scroll = spiral(SMALL, 0)
    write_directory(scroll, tmp_path)
    found = read_maps(tmp_path)
    assert np.array_equal(found.stack(), scroll.stack())
    assert np.array_equal(found.truth.winding, scroll.truth.winding)
    assert found.truth.settings["pitch"] == 10


def test_a_missing_channel_file_is_named(tmp_path: Path) -> None:
    write_directory(spiral(SMALL, 0), tmp_path)
    next(tmp_path.glob("*_dir1.tif")).unlink()
    with pytest.raises(MissingError, match=r"lacks the channel file .*_dir1\.tif"):
        read_maps(tmp_path)


def test_preprocessed_zarr_is_decoded(tmp_path: Path) -> None:
    names = ["cos", "grad_mag", "dir0", "dir1", "valid"]
    write_zarr(
        tmp_path / "a.zarr", names, grad_mag_encode_scale=1000, crop_xyzwhd=[7, 9, 0, 1, 1, 1]
    )
    found = read_maps(tmp_path / "a.zarr")
    assert found.cosine[0, 0, 0] == pytest.approx(0.2)
    assert found.density[0, 0, 0] == pytest.approx(0.051)
    assert found.valid.min() == 1 and found.downscale == 4 and found.origin == (7, 9)


def test_zarr_mistakes(tmp_path: Path) -> None:
    write_zarr(tmp_path / "a.zarr", ["cos", "grad_mag", "dir0"])
    with pytest.raises(MissingError, match="lacks the channel dir1"):
        read_maps(tmp_path / "a.zarr")
    write_zarr(tmp_path / "b.zarr", ["cos", "grad_mag", "dir0", "dir1"])
    with pytest.raises(ConfigError, match="was made with 4"):
        read_maps(tmp_path / "b.zarr", downscale=2)


def test_a_picture_is_cropped_and_analysed(tmp_path: Path) -> None:
    stripes = 128 + 100 * np.sin(np.arange(120) / 2)
    path = tmp_path / "slice_z0300.png"
    cv2.imwrite(str(path), np.tile(stripes, (100, 1)).astype(np.uint8))
    assert not is_maps(path)
    maps_of = partial(structure.channels, pitch=12.0)
    found = read_scan(path, Part(crop=(10, 20, 80, 60)), maps_of)
    assert found.size == (60, 80) and found.origin == (10, 20) and found.z == (300,)
    with pytest.raises(ConfigError, match="leaves the picture, which is 120x100"):
        read_scan(path, Part(crop=(100, 0, 80, 60)), structure.channels)


def test_a_level_of_a_volume_has_the_positions_and_densities_of_the_scan(tmp_path: Path) -> None:
    """Layers 12 pixels apart on a level that is reduced by two are 24 pixels apart in the scan."""
    layers = 128 + 100 * np.sin(np.arange(96) * 2 * np.pi / 12)
    volume = np.tile(layers, (2, 90, 1)).astype(np.uint8)
    group = zarr.open_group(tmp_path / "scan.zarr", mode="w")
    sets = []
    for level, scale in enumerate((1.0, 2.0)):
        group.create_array(str(level), shape=volume.shape, dtype="u1")[:] = volume
        transform = {"type": "scale", "scale": [scale] * 3}
        sets.append({"path": str(level), "coordinateTransformations": [transform]})
    group.attrs["ome"] = {"multiscales": [{"datasets": sets}]}
    part = Part(crop=(6, 4, 80, 80), level=1, slices=(0, 2))
    found = read_scan(tmp_path / "scan.zarr", part, structure.channels)
    assert found.downscale == 2 and found.origin == (12, 8)
    assert found.pitch() == pytest.approx(12, rel=0.1)
    assert np.median(found.density) == pytest.approx(1 / 24, rel=0.1)


def test_the_place_of_a_volume_of_maps_is_kept(tmp_path: Path) -> None:
    names = ["cos", "grad_mag", "dir0", "dir1"]
    values = np.full((4, 3, 6, 8), 51, np.uint8)
    array = zarr.create_array(tmp_path / "a.zarr", shape=values.shape, dtype="uint8")
    array[:] = values
    settings = {"channels": names, "downscale_xy": 4, "z_step_eff": 20}
    array.attrs["preprocess_params"] = settings | {"crop_xyzwhd": [7, 9, 7000, 32, 24, 60]}
    found = read_maps(tmp_path / "a.zarr")
    assert is_maps(tmp_path / "a.zarr")
    assert found.z == (7000, 7020, 7040) and found.slice_step == 5
    write_directory(found, tmp_path / "maps")
    assert read_maps(tmp_path / "maps").z == found.z


def test_a_group_is_no_array_of_maps(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "g.zarr", mode="w")
    with pytest.raises(ConfigError, match="is a zarr group, not an array of maps"):
        read_maps(tmp_path / "g.zarr")


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="does not exist"):
        read_maps(tmp_path / "none")
    with pytest.raises(MissingError, match="exactly one"):
        read_maps(tmp_path)
