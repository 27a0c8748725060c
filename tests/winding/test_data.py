"""Containers of maps."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import zarr
from launch.experiments.winding.data import read, write_directory
from launch.experiments.winding.synthetic import Spiral, spiral

from launch.errors import ConfigError, MissingError

SMALL = Spiral(size=64, radius=100, flagged_gaps=1)


def write_zarr(path: Path, channels: list[str], **params: object) -> None:
    values = np.full((len(channels), 1, 6, 8), 51, np.uint8)
    array = zarr.create_array(path, shape=values.shape, dtype="uint8")
    array[:] = values
    array.attrs["preprocess_params"] = {"channels": channels, "downscale_xy": 4, **params}


def test_a_directory_comes_back_as_it_was_written(tmp_path: Path) -> None:
    scroll = spiral(SMALL, 0)
    write_directory(scroll, tmp_path)
    found = read(tmp_path)
    assert np.array_equal(found.stack(), scroll.stack())
    assert np.array_equal(found.truth.winding, scroll.truth.winding)
    assert found.truth.settings["pitch"] == 10


def test_a_missing_channel_file_is_named(tmp_path: Path) -> None:
    write_directory(spiral(SMALL, 0), tmp_path)
    next(tmp_path.glob("*_dir1.tif")).unlink()
    with pytest.raises(MissingError, match=r"lacks the channel file .*_dir1\.tif"):
        read(tmp_path)


def test_preprocessed_zarr_is_decoded(tmp_path: Path) -> None:
    names = ["cos", "grad_mag", "dir0", "dir1", "valid"]
    write_zarr(
        tmp_path / "a.zarr", names, grad_mag_encode_scale=1000, crop_xyzwhd=[7, 9, 0, 1, 1, 1]
    )
    found = read(tmp_path / "a.zarr")
    assert found.cosine[0, 0, 0] == pytest.approx(0.2)
    assert found.density[0, 0, 0] == pytest.approx(0.051)
    assert found.valid.min() == 1 and found.downscale == 4 and found.origin == (7, 9)


def test_zarr_mistakes(tmp_path: Path) -> None:
    write_zarr(tmp_path / "a.zarr", ["cos", "grad_mag", "dir0"])
    with pytest.raises(MissingError, match="lacks the channel dir1"):
        read(tmp_path / "a.zarr")
    write_zarr(tmp_path / "b.zarr", ["cos", "grad_mag", "dir0", "dir1"])
    with pytest.raises(ConfigError, match="was made with 4"):
        read(tmp_path / "b.zarr", downscale=2)


def test_a_picture_is_cropped_and_analysed(tmp_path: Path) -> None:
    stripes = 128 + 100 * np.sin(np.arange(120) / 2)
    cv2.imwrite(str(tmp_path / "slice.png"), np.tile(stripes, (100, 1)).astype(np.uint8))
    found = read(tmp_path / "slice.png", crop=(10, 20, 80, 60))
    assert found.size == (60, 80) and found.origin == (10, 20)
    with pytest.raises(ConfigError, match="leaves the picture, which is 120x100"):
        read(tmp_path / "slice.png", crop=(100, 0, 80, 60))


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="does not exist"):
        read(tmp_path / "none")
    with pytest.raises(MissingError, match="exactly one"):
        read(tmp_path)
