"""Files as grey values: turned, of several lists of pages, of other pixels than brightness."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from launch.errors import ConfigError
from launch.experiments.winding.grey import grey_of, in_range

GREY = (np.arange(20 * 24).reshape(20, 24) % 251).astype(np.uint8)
PAGES = np.stack([np.roll(GREY, i, 1) for i in range(3)])


def sideways(path: Path) -> None:
    """A picture that its file says is to be turned clockwise."""
    if path.suffix == ".tif":
        kind = np.uint16 if path.stem == "deep" else np.uint8
        values = GREY.astype(kind) * (257 if kind == np.uint16 else 1)
        tifffile.imwrite(path, values, extratags=[(274, "H", 1, 6, True)])
        return
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(GREY).save(path, exif=exif, lossless=True)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "deep.tif"])
def test_what_is_to_be_turned_is_turned_and_said(tmp_path: Path, name: str) -> None:
    sideways(tmp_path / name)
    grey, assumed = grey_of(tmp_path / name)
    assert assumed == ("turned upright, as the file says",)
    np.testing.assert_array_equal(
        grey[0] // grey.dtype.type(257 if "deep" in name else 1), np.rot90(GREY, -1)
    )


def test_every_page_is_turned(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", PAGES, photometric="minisblack", extratags=[(274, "H", 1, 8, True)]
    )
    found, _ = grey_of(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, np.rot90(PAGES, axes=(1, 2)))


OTHER_PIXELS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "PALETTE": (GREY, {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}),
    "SEPARATED": (np.dstack([GREY] * 4), {"photometric": "separated"}),
    "CIELAB": (np.dstack([GREY] * 3), {"photometric": "cielab"}),
}


@pytest.mark.parametrize("kind", OTHER_PIXELS)
def test_numbers_that_are_no_brightness_are_refused(tmp_path: Path, kind: str) -> None:
    values, options = OTHER_PIXELS[kind]
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    with pytest.raises(ConfigError, match=rf"a\.tif holds {kind} pixels; save it as grey"):
        grey_of(tmp_path / "a.tif")


def test_pages_over_time_and_depth_are_no_stack(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack([PAGES] * 2), imagej=True, metadata={"axes": "TZYX"}
    )
    with pytest.raises(ConfigError, match=r"several lists of pages \(T, Z\); save one"):
        grey_of(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", [np.complex64, "datetime64[s]", "S2"])
def test_what_is_no_number_is_no_brightness(kind: Any) -> None:
    with pytest.raises(ConfigError, match="which is no brightness"):
        in_range(PAGES.astype(kind), (), Path("a.zarr"))
