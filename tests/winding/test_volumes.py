"""Grey slices as people save them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from launch.errors import ConfigError, LaunchError, MissingError
from launch.experiments.winding.volumes import number_of, read

GREY = (np.arange(20 * 24).reshape(20, 24) % 251).astype(np.uint8)


def pages(count: int, dtype: type = np.uint16) -> np.ndarray:
    return np.stack([np.roll(GREY, i, 1) for i in range(count)]).astype(dtype) * 257


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp"])
def test_the_container_does_not_matter(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"slice.{suffix}"
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == "webp" else []
    cv2.imwrite(str(path), GREY, lossless)
    found = read(path)
    assert found.grey.shape == (1, 20, 24) and found.z is None
    assert found.grey[0] == pytest.approx(GREY / 255, abs=2 / 255)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (GREY, ""),
        (GREY.astype(np.uint16) * 257, ""),
        (GREY.astype(np.float32) / 255, ""),
        (GREY.astype(np.float64) / 255, ""),
        (GREY.astype(np.uint16) * 16, "16-bit pixels hold 12 bits"),
        (GREY.astype(np.uint16) * 4, "16-bit pixels hold 10 bits"),
        (GREY.astype(np.uint16), "16-bit pixels hold 8 bits"),
        (GREY.astype(np.uint32) * 257, "32-bit pixels hold"),
    ],
)
def test_bits_are_told_from_the_values(tmp_path: Path, values: np.ndarray, said: str) -> None:
    tifffile.imwrite(tmp_path / "slice.tif", values)
    found = read(tmp_path / "slice.tif")
    if values.dtype != np.uint32:
        assert found.grey[0] == pytest.approx(GREY / 255, abs=0.01)
    assert bool(found.assumed) == bool(said) and said in "".join(found.assumed)


def test_signed_and_hounsfield_like_values_are_stretched_and_said(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "slice.tif", GREY.astype(np.int16) * 8 - 1000)
    found = read(tmp_path / "slice.tif")
    assert found.grey[0] == pytest.approx(GREY / 250, abs=1e-3)
    assert "values from -1000 to 1000 are taken for black to white" in found.assumed


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_pages_are_slices_and_never_colours(tmp_path: Path, count: int) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", pages(count), photometric="minisblack")
    found = read(tmp_path / "stack.tif")
    assert found.grey == pytest.approx(pages(count) / 65535)
    assert found.z is None and "slices one pixel apart" in found.assumed[0]
    tifffile.imwrite(tmp_path / "imagej.tif", pages(count), imagej=True, metadata={"axes": "ZYX"})
    assert np.array_equal(read(tmp_path / "imagej.tif").grey, found.grey)


def test_three_planes_that_are_called_colour_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "planes.tif"
    tifffile.imwrite(path, pages(3), photometric="rgb", planarconfig="separate")
    with pytest.raises(ConfigError, match="3 planes that its tags call colour"):
        read(path)


def test_interleaved_colour_becomes_grey_and_is_said(tmp_path: Path) -> None:
    colour = np.stack([GREY, GREY, 0 * GREY], -1)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb")
    cv2.imwrite(str(tmp_path / "a.png"), colour)
    for name in ("a.tif", "a.png"):
        found = read(tmp_path / name)
        assert found.grey[0] == pytest.approx(GREY / 1.5 / 255, abs=1 / 255)
        assert found.assumed == ("colour was averaged to grey",)


def test_grey_that_is_saved_as_colour_needs_no_word(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.repeat(GREY[..., None], 3, 2))
    found = read(tmp_path / "a.png")
    assert found.grey[0] == pytest.approx(GREY / 255) and not found.assumed


def test_images_of_several_sizes_and_nan_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(GREY)
        file.write(GREY[:10])
    with pytest.raises(ConfigError, match="2 different images"):
        read(tmp_path / "two.tif")
    tifffile.imwrite(tmp_path / "nan.tif", np.full((8, 8), np.nan, np.float32))
    with pytest.raises(ConfigError, match="NaN or infinite"):
        read(tmp_path / "nan.tif")
    (tmp_path / "no.tif").write_bytes(b"text")
    with pytest.raises(MissingError, match="cannot be read"):
        read(tmp_path / "no.tif")


# Folders


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for place, name in enumerate(names):
        cv2.imwrite(str(path / name), np.roll(GREY, place, 1))
    return path


@pytest.mark.parametrize(
    "names", [("07000.png", "07020.png", "07040.png"), ("s_8.tif", "s_10.tif", "s_12.tif")]
)
def test_a_folder_has_its_positions_from_its_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    found = read(folder(tmp_path / "stack", *names))
    steps = np.diff(found.z or ())
    assert len(found.grey) == 3 and steps.tolist() in ([20, 20], [2, 2])
    assert found.grey[1] == pytest.approx(np.roll(GREY, 1, 1) / 255)


def test_a_part_of_a_folder(tmp_path: Path) -> None:
    path = folder(tmp_path / "stack", *(f"{z:05}.png" for z in range(7000, 7008)))
    assert read(path, (7002, 7007, 2)).z == (7002, 7004, 7006)
    with pytest.raises(ConfigError, match="lie from 7000 to 7007"):
        read(path, (0, 5))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("1.png", "2.png", "4.png"), "not evenly apart: the steps between their numbers are"),
        (("a1.png", "b1.png"), "two slices of .* have the number 1"),
        (("a.png", "b1.png"), "a.png has no number"),
        ((), "holds no slices"),
    ],
)
def test_a_folder_that_is_no_stack_is_refused(tmp_path: Path, names, said) -> None:
    with pytest.raises((ConfigError, MissingError), match=said):
        read(folder(tmp_path / "stack", *names))


def test_a_picture_may_tell_its_position() -> None:
    names = ("07000", "scroll1_z07000", "scroll_7000", "z0700", "crop_6_7_21", "slice", "img12")
    found = [number_of(Path(f"{name}.png")) for name in names]
    assert found == [7000, 7000, 7000, 700, None, None, None]


# Zarr


def pyramid(path: Path, version: int, volume: np.ndarray, **changed: Any) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=version)
    for level in range(3):
        part = volume[:: 2**level, :: 2**level, :: 2**level]
        array = group.create_array(str(level), shape=part.shape, dtype=part.dtype)
        array[:] = part
    sets = [
        {
            "path": str(n),
            "coordinateTransformations": [{"type": "scale", "scale": [4.0 * 2**n] * 3}],
        }
        for n in range(3)
    ]
    axes = [{"name": axis, "type": "space"} for axis in "zyx"]
    scales = [{"axes": axes, "datasets": sets, **changed}]
    group.attrs.update(
        {"multiscales": scales} if version == 2 else {"ome": {"multiscales": scales}}
    )
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_a_level_and_a_range_of_ome_zarr(tmp_path: Path, version: int) -> None:
    path = pyramid(tmp_path / "scan.zarr", version, pages(8))
    whole = read(path)
    assert whole.grey == pytest.approx(pages(8) / 65535) and whole.z == tuple(range(8))
    part = read(path, (2, 7), level=1)
    assert part.z == (2, 4, 6) and part.scale == 2
    assert part.grey == pytest.approx(pages(8)[2:7:2, ::2, ::2] / 65535)
    assert {"level 1 of 3", "voxel size 4 at level 0"} <= {*part.assumed}
    with pytest.raises(ConfigError, match="has levels 0 to 2"):
        read(path, level=3)


def test_a_long_volume_is_not_read_unasked(tmp_path: Path) -> None:
    path = pyramid(tmp_path / "scan.zarr", 3, pages(40))
    with pytest.raises(ConfigError, match="holds 40 slices, from 0 to 39; say which"):
        read(path)
    assert read(path, (10, 12)).z == (10, 11)


def test_a_plain_array_is_a_volume_and_an_other_group_is_refused(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=(3, 20, 24), dtype="uint16")
    array[:] = pages(3)
    assert read(tmp_path / "a.zarr").grey.shape == (3, 20, 24)
    zarr.open_group(tmp_path / "g.zarr", mode="w").create_array("x", shape=(3, 4), dtype="u1")
    with pytest.raises(ConfigError, match="without multiscales; give the array inside: x"):
        read(tmp_path / "g.zarr")
    flat = zarr.create_array(tmp_path / "f.zarr", shape=(3, 4), dtype="u1")
    assert flat.ndim == 2
    with pytest.raises(ConfigError, match="a volume is"):
        read(tmp_path / "f.zarr")


SAVED: dict[str, dict[str, Any]] = {
    "big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "tiles": {"tile": (16, 16)},
    "LZW": {"compression": "lzw"},
    "Zstandard": {"compression": "zstd"},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.5}},
    "OME": {"ome": True, "metadata": {"axes": "ZYX"}},
    "times": {"ome": True, "metadata": {"axes": "TYX"}},
}


@pytest.mark.parametrize("name", SAVED)
def test_stacks_as_programs_save_them(tmp_path: Path, name: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pages(5), photometric="minisblack", **SAVED[name])
    assert read(tmp_path / "a.tif").grey == pytest.approx(pages(5) / 65535, abs=1e-6)


def test_white_may_be_0(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", 65535 - pages(1)[0], photometric="miniswhite")
    found = read(tmp_path / "a.tif")
    assert found.grey == pytest.approx(pages(1) / 65535, abs=1e-6)
    assert found.assumed == ("0 is white, as the file says",)
    tifffile.imwrite(tmp_path / "b.tif", -pages(1)[0].astype(float), photometric="miniswhite")
    with pytest.raises(ConfigError, match="calls 0 white but holds float64"):
        read(tmp_path / "b.tif")


def test_a_reduced_copy_inside_is_no_slice(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY, subifds=1, photometric="minisblack")
        file.write(GREY[::2, ::2], subfiletype=1, photometric="minisblack")
    assert read(tmp_path / "a.tif").grey.shape == (1, 20, 24)


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_one_frame_of_an_animation_is_told(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    assert read(path).assumed == ("the first of 2 frames",)


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty.tif": (b"", "cannot be read as a TIFF"),
    "other.tif": (b"hello" * 20, "cannot be read as a TIFF"),
    "other.png": (b"hello" * 20, "no known image format"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_none_are_named(tmp_path: Path, name: str) -> None:
    content, said = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LaunchError, match=f"{name}.*{said}"):
        read(tmp_path / name)


def test_a_stack_that_is_cut_off_and_none_at_all_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pages(5), photometric="minisblack")
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:2000])
    for name in ("a.tif", "gone.tif"):
        with pytest.raises(MissingError, match=f"{name} cannot be read as a TIFF"):
            read(tmp_path / name)


def test_what_is_no_slice_in_a_folder_is_left_out(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "01.tif", GREY)
    (tmp_path / "._01.tif").write_bytes(b"of another system")
    (tmp_path / "02.tif").mkdir()
    assert read(tmp_path).z == (1,)


def test_slices_of_a_folder_share_their_black_and_white(tmp_path: Path) -> None:
    """A dark slice is dark, and is not stretched on its own."""
    for number in range(3):
        tifffile.imwrite(tmp_path / f"{number}.tif", GREY.astype(np.uint16) * 16 * (1 + number))
    found = read(tmp_path)
    assert found.grey[2] == pytest.approx(3 * found.grey[0], abs=1e-6)
    tifffile.imwrite(tmp_path / "3.tif", GREY)
    with pytest.raises(ConfigError, match="differ in depth: uint16, uint8"):
        read(tmp_path)


ARRAYS: dict[str, dict[str, Any]] = {
    "uneven chunks": {"chunks": (2, 7, 13)},
    "version 2": {"chunks": (2, 7, 13), "zarr_format": 2},
    "version 2, folders": {
        "chunks": (1, 10, 12),
        "zarr_format": 2,
        "chunk_key_encoding": {"name": "v2", "separator": "/"},
    },
    "shards": {"chunks": (1, 10, 12), "shards": (2, 20, 24)},
    "not compressed": {"chunks": (4, 20, 24), "compressors": None},
    "big-endian": {"chunks": (1, 20, 24), "zarr_format": 2, "dtype": ">u2"},
}


@pytest.mark.parametrize("name", ARRAYS)
def test_however_an_array_is_cut(tmp_path: Path, name: str) -> None:
    options = {"dtype": "<u2", **ARRAYS[name]}
    array = zarr.create_array(tmp_path / "a.zarr", shape=(4, 20, 24), **options)
    array[:] = pages(4)
    assert read(tmp_path / "a.zarr").grey == pytest.approx(pages(4) / 65535, abs=1e-6)


def test_the_origin_of_a_volume_counts(tmp_path: Path) -> None:
    """With times and channels of one value each, as microscopes write them."""
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", shape=(1, 1, 4, 20, 24), dtype="u2")[:] = pages(4)[None, None]
    moved = [
        {"type": "scale", "scale": [1, 1, 4, 2, 2]},
        {"type": "translation", "translation": [0, 0, 400, 20, 0]},
    ]
    dataset = {"path": "0", "coordinateTransformations": moved}
    axes = [{"name": axis} for axis in "tczyx"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [dataset]}]
    found = read(tmp_path / "a.zarr", (101, 103))
    assert found.z == (101, 102)
    assert found.grey == pytest.approx(pages(4)[1:3] / 65535, abs=1e-6)
    assert "its origin in y and x, 10 and 0 voxels, is left out" in found.assumed


def test_levels_without_sizes_are_told_by_their_shapes(tmp_path: Path) -> None:
    sets = [{"path": str(level)} for level in range(3)]
    found = read(pyramid(tmp_path / "a.zarr", 2, pages(8), datasets=sets), level=1)
    assert found.scale == 2 and found.z == (0, 2, 4, 6)
    assert found.assumed[1].startswith("no voxel sizes in the file")


def test_a_zarr_that_is_damaged_is_named(tmp_path: Path) -> None:
    pyramid(tmp_path / "a.zarr", 3, pages(8), datasets=[{"path": "9"}])
    with pytest.raises(MissingError, match="names a level '9', which is not there"):
        read(tmp_path / "a.zarr")
    (tmp_path / "b.zarr").mkdir()
    (tmp_path / "b.zarr" / "zarr.json").write_text("{")
    with pytest.raises(MissingError, match="cannot be read as zarr"):
        read(tmp_path / "b.zarr")


def test_a_step_of_0_is_refused(tmp_path: Path) -> None:
    path = pyramid(tmp_path / "a.zarr", 3, pages(8))
    with pytest.raises(ConfigError, match=r"a step that is not 0, got \[0, 8, 0\]"):
        read(path, (0, 8, 0))


def ome(path: Path, axes: str, scale: list[float], unit: str = "", **changed: Any) -> Path:
    """One level of 3 x 20 x 24 voxels whose axes lie in any order."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    values = np.stack([np.roll(GREY, i, 1) for i in range(3)]).transpose(
        ["zyx".index(a) for a in axes]
    )
    group.create_array("0", data=np.ascontiguousarray(values))
    named = [{"name": a, "type": "space"} | ({"unit": unit} if unit else {}) for a in axes]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    group.attrs["multiscales"] = [{"axes": named, "datasets": [level], **changed}]
    return path


@pytest.mark.parametrize("axes", ["zyx", "zxy", "xyz", "yzx"])
def test_axes_may_lie_in_any_order(tmp_path: Path, axes: str) -> None:
    found = read(ome(tmp_path / "a.zarr", axes, [7.0] * 3)).grey
    expected = np.stack([np.roll(GREY, i, 1) for i in range(3)]) / 255
    assert found == pytest.approx(expected, abs=1e-6)


WHOLE = [
    {"type": "scale", "scale": [7.0] * 3},
    {"type": "translation", "translation": [70.0, 0, 0]},
]


def test_voxels_are_told_as_they_are(tmp_path: Path) -> None:
    flat = read(ome(tmp_path / "a.zarr", "zyx", [20, 8, 9], "micrometer"))
    assert flat.assumed[1:] == (
        "voxel size 9 micrometer at level 0",
        "voxels of 20 x 8 x 9 are taken for cubes",
    )
    moved = read(ome(tmp_path / "b.zarr", "zyx", [1.0] * 3, coordinateTransformations=WHOLE))
    assert moved.assumed[1:] == ("voxel size 7 at level 0",) and moved.z == (10, 11, 12)
