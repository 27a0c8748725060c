"""DICOM files become what a viewer shows; what they do not say is told."""

import numpy as np
import pytest

from launch.tools.decoding import UnreadableImageError
from launch.tools.dicom import is_dicom, read, size, usual

pydicom = pytest.importorskip("pydicom")

PICTURE = np.random.default_rng(0).random((24, 30))
PICTURE[0, 0], PICTURE[-1, -1] = 0, 1
STORED = np.rint(PICTURE * 3000 + 200).astype(np.uint16)


def write(path, stored=STORED, bits=12, **tags):
    """A file with the tags of a digital X-ray, changed where the arguments say so."""
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.SOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID = pydicom.uid.generate_uid()
    data.Modality = "DX"
    data.Rows, data.Columns = stored.shape[-2:] if tags.get("SamplesPerPixel") != 3 else (8, 10)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 * stored.itemsize, bits, bits - 1
    data.PixelRepresentation = int(stored.dtype.kind == "i")
    if stored.ndim == 3 and tags.get("SamplesPerPixel") != 3:
        data.NumberOfFrames = len(stored)
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = stored.tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


def table(values, first=0):
    """A lookup table of 12 bits."""
    item = pydicom.Dataset()
    item.LUTDescriptor = [len(values), first, 12]
    item.add_new("LUTData", "US", [int(v) for v in values])
    item.ModalityLUTType = "US"
    return pydicom.Sequence([item])


STEPS = np.arange(4096)
ENCODINGS = {
    "plain": {},
    "white is small": {"stored": 4095 - STORED, "PhotometricInterpretation": "MONOCHROME1"},
    "inverse": {"stored": 4095 - STORED, "PresentationLUTShape": "INVERSE"},
    "white is small and inverse": {
        "stored": 4095 - STORED,
        "PhotometricInterpretation": "MONOCHROME1",
        "PresentationLUTShape": "INVERSE",
    },
    "identity": {"PresentationLUTShape": "IDENTITY"},
    "negative slope": {"stored": 4095 - STORED, "RescaleSlope": -1, "RescaleIntercept": 4095},
    "negative slope and window": {
        "stored": 4095 - STORED,
        "RescaleSlope": -1,
        "RescaleIntercept": 4095,
        "WindowCenter": 1700.5,
        "WindowWidth": 3001,
    },
    "window": {"WindowCenter": 1700.5, "WindowWidth": 3001},
    "exact window": {"WindowCenter": 1700, "WindowWidth": 3000, "VOILUTFunction": "LINEAR_EXACT"},
    "two windows": {"WindowCenter": [1700.5, 90], "WindowWidth": [3001, 50]},
    "window of an inverted file": {
        "stored": 3400 - STORED,
        "WindowCenter": 1700.5,
        "WindowWidth": 3001,
        "PhotometricInterpretation": "MONOCHROME1",
    },
    "signed": {"stored": STORED.astype(np.int16) - 2000, "bits": 16},
    "a slope of a fraction": {"RescaleSlope": 0.25, "RescaleIntercept": -1024},
    "eight bits": {"stored": np.rint(PICTURE * 255).astype(np.uint8), "bits": 8},
    "modality table": {"ModalityLUTSequence": table(STEPS[::-1]), "stored": 4095 - STORED},
    "table of interest": {"VOILUTSequence": table((STEPS[200:3201] - 200) * 4095 // 3000, 200)},
    "overlay in unused bits": {"stored": STORED | 0x8000},
    "signed, of 13 bits": {"stored": STORED.astype(np.int16) - 2000, "bits": 13},
    "an empty window": {"WindowCenter": "", "WindowWidth": ""},
    "one width for two centres": {"WindowCenter": [1700.5, 90], "WindowWidth": 3001},
    "padding that does not occur": {"PixelPaddingValue": 9},
    "sides of pixels": {"PixelSpacing": [0.14, 0.14]},
    "a single frame": {"NumberOfFrames": 1},
    "16 bits": {"stored": STORED * 20, "bits": 16},
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_one_picture_in_every_encoding(tmp_path, name):
    found = read(write(tmp_path / "x", **ENCODINGS[name])).brightness
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, PICTURE, atol=0.003)


def test_compressed_files_are_read_and_a_missing_decoder_is_named(tmp_path):
    data = pydicom.dcmread(write(tmp_path / "x"))
    data.compress(pydicom.uid.RLELossless)
    data.save_as(tmp_path / "rle")
    np.testing.assert_allclose(read(tmp_path / "rle").brightness, PICTURE, atol=0.003)
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLSLossless
    data.save_as(tmp_path / "jpeg")
    with pytest.raises(UnreadableImageError, match=r"jpeg: is damaged, or a decoder is missing \("):
        read(tmp_path / "jpeg")


SYNTAXES = ["DeflatedExplicitVRLittleEndian", "ImplicitVRLittleEndian"]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_transfer_syntaxes_without_compressed_pixels(tmp_path, syntax):
    data = pydicom.dcmread(write(tmp_path / "x"))
    data.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    written = {"implicit_vr": "Implicit" in syntax, "little_endian": True}
    data.save_as(tmp_path / "y", enforce_file_format=True, **written)
    np.testing.assert_allclose(read(tmp_path / "y").brightness, PICTURE, atol=0.003)


CODECS = ["JPEG2000Lossless", "JPEGLSLossless", "JPEGLosslessSV1", "HTJ2KLossless"]


@pytest.mark.parametrize("syntax", CODECS)
def test_damaged_or_unknown_compression_is_named(tmp_path, syntax):
    data = pydicom.dcmread(write(tmp_path / "x"))
    data.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    data.PixelData = pydicom.encaps.encapsulate([b"no pixels"])
    data["PixelData"].is_undefined_length = True
    data.save_as(tmp_path / "y")
    with pytest.raises(UnreadableImageError, match="y: is damaged, or a decoder is missing"):
        read(tmp_path / "y")


@pytest.mark.parametrize("name", ["Rows", "BitsStored", "PixelRepresentation", "PixelData"])
def test_files_without_a_tag_that_pixels_need_are_named(tmp_path, name):
    data = pydicom.dcmread(write(tmp_path / "x"))
    del data[name]
    data.save_as(tmp_path / "y")
    with pytest.raises(UnreadableImageError, match=r"y: (is damaged|holds no picture)"):
        read(tmp_path / "y")


def test_a_window_beside_all_values_is_told(tmp_path):
    found = read(write(tmp_path / "x", WindowCenter=-900, WindowWidth=10))
    assert found.assumed == ("its window of 10 around -900 holds none of its values",)


def test_signed_padding(tmp_path):
    stored = STORED.astype(np.int16) - 2000
    stored[:, :4] = -2000
    found = read(write(tmp_path / "x", stored, 16, PixelPaddingValue=-2000)).brightness
    assert not found[:, :4].any()
    shown = PICTURE[:, 4:]
    expected = (shown - shown.min()) / np.ptp(shown)
    np.testing.assert_allclose(found[:, 4:], expected, atol=0.003)


@pytest.mark.parametrize("name", ["PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"])
def test_pixels_that_are_not_square_are_told(tmp_path, name):
    assert "not square (2:1)" in read(write(tmp_path / "x", **{name: [2, 1]})).assumed[-1]


@pytest.mark.parametrize(
    ("towards", "told"),
    [(["L", "F"], 0), (["A", "F"], 0), (["R", "F"], 1), (["L", "H"], 1), (["L"], 0)],
)
def test_a_picture_that_lies_mirrored_is_told(tmp_path, towards, told):
    assumed = read(write(tmp_path / "a.dcm", PatientOrientation=towards)).assumed
    said = [phrase for phrase in assumed if phrase.startswith("its rows run towards")]
    assert len(said) == told


def test_a_sigmoid_window_is_soft(tmp_path):
    path = write(tmp_path / "x", WindowCenter=1700, WindowWidth=3000, VOILUTFunction="SIGMOID")
    expected = 1 / (1 + np.exp(-4 * (STORED.astype(float) - 1700) / 3000))
    np.testing.assert_allclose(read(path).brightness, expected, atol=1e-5)


def test_a_narrow_window_clips(tmp_path):
    found = read(write(tmp_path / "x", WindowCenter=1700, WindowWidth=500)).brightness
    assert (found[STORED < 1450] == 0).all() and (found[STORED > 1950] == 1).all()


@pytest.mark.parametrize(("mark", "bits"), [(65535, 16), (4095, 12), (0, 12)])
def test_what_is_drawn_in_does_not_move_the_rest(tmp_path, mark, bits):
    stored = STORED.copy() + (890 if mark == 0 else 0)
    stored[:3, :8] = mark
    found = read(write(tmp_path / "x", stored, bits))
    np.testing.assert_allclose(found.brightness[3:], PICTURE[3:], atol=0.01)
    assert (found.brightness[:3, :8] == (mark > 0)).all()
    assert "24 pixels far beyond the others are taken for marks drawn in" in found.assumed


def test_many_pixels_or_a_small_gap_are_the_picture():
    values = np.array([0] * 60 + [100] * 40)
    assert usual(values) == (0, 100, 0)
    assert usual(np.array([*range(100), 110])) == (0, 110, 0)
    assert usual(np.array([*range(100), 400])) == (0, 99, 1)
    assert usual(np.array([-400, *range(100)])) == (0, 99, 1)
    assert usual(np.array([5])) == (5, 5, 0)


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("padding", [{"PixelPaddingValue": 0}, {"PixelPaddingValue": 4000}])
def test_padding_is_black_and_does_not_count(tmp_path, interpretation, padding):
    stored = 4095 - STORED if interpretation == "MONOCHROME1" else STORED
    stored = stored.copy()
    stored[:, :4] = padding["PixelPaddingValue"]
    found = read(write(tmp_path / "x", stored, PhotometricInterpretation=interpretation, **padding))
    assert not found.brightness[:, :4].any()
    np.testing.assert_allclose(found.brightness[:, 4:], PICTURE[:, 4:], atol=0.01)
    assert "13% of it is padding, shown black" in found.assumed


def test_a_range_of_padding(tmp_path):
    stored = STORED.copy()
    stored[:, :4] = np.arange(4)
    tags = {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 10}
    assert not read(write(tmp_path / "x", stored, **tags)).brightness[:, :4].any()


def test_what_the_file_does_not_say_is_told(tmp_path):
    plain = read(write(tmp_path / "a"))
    assert plain.assumed == (
        "no window in the file: its values from 200 to 3200 are all the brightness",
    )
    tags = {"WindowCenter": [1700, 90], "WindowWidth": [3000, 50], "Modality": "CT"}
    told = read(write(tmp_path / "b", PixelAspectRatio=[1, 2], **tags)).assumed
    assert "the first of 2 windows" in told and "pixels are not square" in told[-1]
    assert "the file says that its modality is CT, which is no X-ray" in told
    assert read(write(tmp_path / "c", WindowCenter=1700, WindowWidth=3000)).assumed == ()


REFUSED = {
    "several frames": ({"stored": np.stack([STORED] * 2)}, "holds 2 frames"),
    "colour": (
        {
            "stored": np.zeros((8, 10, 3), np.uint8),
            "bits": 8,
            "SamplesPerPixel": 3,
            "PhotometricInterpretation": "RGB",
            "PlanarConfiguration": 0,
        },
        "holds colour",
    ),
    "a window of no width": ({"WindowCenter": 5, "WindowWidth": 0}, "cannot be 0 wide"),
    "a palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "holds colour"),
    "bits at the upper end": ({"stored": STORED << 4, "HighBit": 15}, "12 bits below bit 15"),
    "more rows than pixels": ({"Rows": 48}, "bytes of pixel data is less than expected"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_one_brightness_is_refused_by_name(tmp_path, name):
    changes, said = REFUSED[name]
    with pytest.raises(UnreadableImageError, match=f"x: .*{said}"):
        read(write(tmp_path / "x", **changes))


def test_damaged_missing_and_other_files_are_named(tmp_path):
    path = write(tmp_path / "x")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UnreadableImageError, match="is damaged"):
        read(path)
    path.write_bytes(b"nothing")
    with pytest.raises(UnreadableImageError, match="no DICOM"):
        read(path)
    with pytest.raises(UnreadableImageError, match="no such file"):
        read(tmp_path / "y")
    report = pydicom.dcmread(write(tmp_path / "z"))
    del report.PixelData
    report.save_as(tmp_path / "z")
    with pytest.raises(UnreadableImageError, match="holds no picture"):
        read(tmp_path / "z")


def test_files_are_known_by_their_content(tmp_path):
    assert is_dicom(write(tmp_path / "1.2.840.5")) and size(tmp_path / "1.2.840.5") == (30, 24)
    (tmp_path / "a.dcm").write_bytes(b"nothing")
    write(tmp_path / "DICOMDIR")
    assert not is_dicom(tmp_path / "a.dcm") and not is_dicom(tmp_path / "DICOMDIR")
    assert not is_dicom(tmp_path)
