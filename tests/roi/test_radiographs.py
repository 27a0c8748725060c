"""X-ray files of every kind become brightness in [0, 1], and say what was assumed."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from launch.experiments.roi.loading import normalised
from launch.experiments.roi.networks import TinyClassifier
from launch.experiments.roi.radiographs import (
    find,
    is_image,
    read,
    resized,
    size_of,
)
from launch.tools.pictures import UnreadableImageError

SIDE = 64
DOWN, ACROSS = np.indices((SIDE, SIDE)) / (SIDE - 1)
EIGHT = np.rint(255 * (0.8 * DOWN + 0.2 * np.sin(6 * ACROSS) ** 2)).clip(0, 255).astype(np.uint8)
EIGHT[0, 0], EIGHT[-1, -1] = 0, 255
GREY = EIGHT / 255
TWELVE = np.rint(GREY * 4095).astype(np.uint16)


def dicom(path, stored, **tags):
    pydicom = pytest.importorskip("pydicom")
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.SOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
    data.SOPInstanceUID = pydicom.uid.generate_uid()
    data.Rows, data.Columns = stored.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = stored.astype(np.uint16).tobytes()
    data.save_as(path, enforce_file_format=True)


def pillow(pixels, **options):
    return lambda path: Image.fromarray(pixels).save(path, **options)


def opencv(pixels):
    return lambda path: cv2.imwrite(str(path), pixels)


COLOUR = np.dstack([EIGHT] * 3)
ENCODINGS = {
    "eight.png": pillow(EIGHT),
    "sixteen.png": pillow(EIGHT.astype(np.uint16) * 257),
    "twelve.png": pillow(TWELVE),
    "rgb.png": pillow(COLOUR),
    "rgba.png": pillow(np.dstack([COLOUR, EIGHT * 0 + 255])),
    "grey_alpha.png": lambda p: Image.fromarray(EIGHT).convert("LA").save(p),
    "palette.png": lambda p: Image.fromarray(EIGHT).convert("P").save(p),
    "eight.tif": pillow(EIGHT),
    "sixteen.tif": opencv(EIGHT.astype(np.uint16) * 257),
    "float.tif": opencv(GREY.astype(np.float32)),
    "packed.tif": pillow(EIGHT, compression="tiff_lzw"),
    "bitmap.bmp": pillow(EIGHT),
    "lossless.webp": pillow(COLOUR, lossless=True),
    "sixteen_colour.png": opencv(COLOUR.astype(np.uint16) * 257),
    "plain.dcm": lambda p: dicom(p, TWELVE),
    "no_suffix": lambda p: dicom(p, TWELVE),
    "1.2.840.113619.5": lambda p: dicom(p, TWELVE),
    "white_is_small.dcm": lambda p: dicom(
        p, 4095 - TWELVE, PhotometricInterpretation="MONOCHROME1"
    ),
    "slope.dcm": lambda p: dicom(p, 4095 - TWELVE, RescaleSlope=-1, RescaleIntercept=4095),
    "inverse.dcm": lambda p: dicom(p, 4095 - TWELVE, PresentationLUTShape="INVERSE"),
    "window.dcm": lambda p: dicom(p, TWELVE, WindowCenter=2048, WindowWidth=4096),
}


@pytest.fixture(scope="module")
def probability():
    """A network whose answer depends on every pixel."""
    torch.manual_seed(0)
    network = TinyClassifier(3)

    @torch.no_grad()
    def of(path):
        image = normalised(resized(read(path).brightness, 32))
        return network(torch.from_numpy(image)[None, None]).sigmoid()[0]

    return of


@pytest.mark.parametrize("name", ENCODINGS)
def test_one_xray_in_any_encoding_has_one_brightness_and_one_probability(
    tmp_path, probability, name
):
    for each in (name, "eight.png"):
        ENCODINGS[each](tmp_path / each)
    assert is_image(tmp_path / name) and find(tmp_path) and size_of(tmp_path / name) == (SIDE, SIDE)
    np.testing.assert_allclose(read(tmp_path / name).brightness, GREY, atol=1e-3)
    difference = probability(tmp_path / name) - probability(tmp_path / "eight.png")
    assert difference.abs().max() < 1e-3


def test_a_jpeg_is_nearly_the_same(tmp_path, probability):
    pillow(EIGHT, quality=95)(tmp_path / "a.jpg")
    np.testing.assert_allclose(read(tmp_path / "a.jpg").brightness, GREY, atol=0.03)


def test_12_bits_in_16_are_told(tmp_path):
    ENCODINGS["twelve.png"](tmp_path / "a.png")
    assert read(tmp_path / "a.png").assumed == ("read as 12 bits in 16: no value is above 4095",)


def test_alpha_is_composited_on_black_and_told(tmp_path):
    half = np.dstack([COLOUR, EIGHT * 0 + 51])
    Image.fromarray(half).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png")
    np.testing.assert_allclose(found.brightness, GREY * 0.2, atol=1 / 255)
    assert "transparent in part, composited on black" in found.assumed


def test_a_photograph_is_told(tmp_path):
    Image.fromarray(np.dstack([EIGHT, EIGHT.T, 255 - EIGHT])).save(tmp_path / "a.png")
    assert "in colour, of which the luma is taken" in read(tmp_path / "a.png").assumed


REFUSED = {
    "nothing.png": (lambda p: p.write_text("no image"), "no known image format"),
    "hounsfield.tif": (opencv(GREY.astype(np.float32) * 2000 - 1000), "floating point from -1000"),
    "integers.tif": (pillow(TWELVE.astype(np.int32)), "of 32 bits"),
    "empty.dcm": (lambda p: p.write_bytes(b""), "no DICOM"),
    "frames.dcm": (
        lambda p: dicom(p, TWELVE[:32], NumberOfFrames=2, Rows=16), "holds 2 frames"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_one_meaning_is_refused_by_name(tmp_path, name):
    write, said = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(UnreadableImageError, match=f"{name}: .*{said}"):
        read(tmp_path / name)


def test_a_truncated_image_and_a_missing_one_are_named(tmp_path):
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UnreadableImageError, match=r"a\.png"):
        read(path)
    with pytest.raises(UnreadableImageError, match="there is no such file"):
        read(tmp_path / "b.png")


def test_files_are_found_at_any_depth_and_dicom_by_its_content(tmp_path):
    for name in ("b/images/2.png", "a/1.PNG", "a/notes.txt", ".hidden/3.png", "a/README"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    dicom(tmp_path / "a" / "IM-0001", TWELVE)
    assert [path.name for path in find(tmp_path)] == ["1.PNG", "IM-0001", "2.png"]


def test_shrinking_averages():
    image = np.tile(np.float32([[0, 1], [1, 0]]), (8, 8))
    np.testing.assert_allclose(resized(image, 8), 0.5)
