"""X-ray files of every depth become brightness in [0, 1]."""

import numpy as np
import pytest
from launch.experiments.roi.radiographs import UnreadableXrayError, find, is_image, read, resized
from PIL import Image


@pytest.fixture
def values():
    return np.random.default_rng(0).random((6, 8))


def test_8_and_16_bit_png_agree(tmp_path, values):
    Image.fromarray(np.rint(values * 255).astype(np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.rint(values * 65535).astype(np.uint16)).save(tmp_path / "b.png")
    shallow, deep = read(tmp_path / "a.png"), read(tmp_path / "b.png")
    assert shallow.dtype == deep.dtype == np.float32
    np.testing.assert_allclose(deep, values, atol=1e-5)
    np.testing.assert_allclose(shallow, deep, atol=0.5 / 255 + 1e-5)


def test_colour_and_palette_become_grey(tmp_path, values):
    grey = np.rint(values * 255).astype(np.uint8)
    Image.fromarray(grey).convert("RGBA").save(tmp_path / "a.png")
    Image.fromarray(grey).convert("P").save(tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        np.testing.assert_allclose(read(tmp_path / name), grey / 255, atol=0.005)


def test_a_file_that_is_no_image_is_named(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("no image")
    assert not is_image(path)
    with pytest.raises(UnreadableXrayError, match=r"a\.png: is damaged or no image"):
        read(path)
    with pytest.raises(UnreadableXrayError, match="there is no such file"):
        read(tmp_path / "b.png")


def test_a_truncated_image_is_named(tmp_path):
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UnreadableXrayError, match="damaged"):
        read(path)


def test_dicom_asks_for_its_reader_where_it_is_not_installed(tmp_path):
    try:
        import pydicom  # noqa: F401, PLC0415
    except ImportError:
        (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM")
        assert is_image(tmp_path / "a.dcm")
        with pytest.raises(UnreadableXrayError, match="pip install pydicom"):
            read(tmp_path / "a.dcm")


def dicom(path, pixels, interpretation):
    """A file with 16-bit pixels, as a detector writes it."""
    pydicom = pytest.importorskip("pydicom")
    data = pydicom.Dataset()
    data.SOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID = pydicom.uid.generate_uid()
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    data.PlanarConfiguration = 0
    data.PhotometricInterpretation = interpretation
    data.BitsAllocated = data.BitsStored = 8 * pixels.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.PixelData = pixels.tobytes()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True)
    return path


def test_dicom_is_scaled_to_its_range_and_inverted_where_bright_means_dark(tmp_path, values):
    raw = np.rint(1000 + 3000 * values).astype(np.uint16)
    expected = (values - values.min()) / np.ptp(values)
    bright = dicom(tmp_path / "a.dcm", raw, "MONOCHROME2")
    dark = dicom(tmp_path / "b.dcm", raw, "MONOCHROME1")
    assert is_image(bright)
    np.testing.assert_allclose(read(bright), expected, atol=1e-3)
    np.testing.assert_allclose(read(dark), 1 - expected, atol=1e-3)


def test_dicom_in_colour_is_named(tmp_path):
    path = dicom(tmp_path / "a.dcm", np.zeros((4, 6, 3), np.uint8), "RGB")
    with pytest.raises(UnreadableXrayError, match=r"a\.dcm: holds colour.*\(4, 6, 3\)"):
        read(path)


def test_a_damaged_dicom_is_named(tmp_path, values):
    path = dicom(tmp_path / "a.dcm", np.rint(255 * values).astype(np.uint8), "MONOCHROME2")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableXrayError, match="damaged"):
        read(path)


def test_files_are_found_at_any_depth(tmp_path):
    for name in ("b/images/2.png", "a/1.PNG", "a/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [path.name for path in find(tmp_path)] == ["1.PNG", "2.png"]


def test_shrinking_averages():
    image = np.tile(np.float32([[0, 1], [1, 0]]), (8, 8))
    np.testing.assert_allclose(resized(image, 8), 0.5)
