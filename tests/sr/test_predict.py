"""Enlarging a folder: names, modes, alpha, and files that fail."""

import numpy as np
import pytest
import torch
from PIL import Image

from launch.errors import ConfigError, LaunchError, MissingError
from launch.experiments.sr.predict import upscale_folder
from launch.experiments.sr.resize import upscale
from launch.tools.pictures import Picture, read, write

SCALE = 2


def bicubic(images):
    assert not torch.is_grad_enabled() and images.shape[:2] == (1, 3)
    return upscale(images, SCALE)


def run(source, destination, network=bicubic, **settings):
    return upscale_folder(network, source, destination, SCALE, **settings)


def smooth(grey=False, alpha=False, bits=8):
    """A picture whose levels need its depth."""
    y, x = np.mgrid[:20, :30].astype(np.float32)
    kind = np.dtype(f"uint{bits}")
    levels = np.stack([y / 40, x / 60, (x + y) / 70, x / 29], axis=-1) * np.iinfo(kind).max
    levels = np.rint(levels).astype(kind)
    return Picture(levels[..., : 1 if grey else 3], levels[..., 3] if alpha else None)


def test_pictures_keep_their_names_and_folders(tmp_path, save):
    save("in/a.png", 20, 30), save("in/deep/b.jpg", 9, 7)
    result = run(tmp_path / "in", tmp_path / "out")
    assert (result["images"], result["failed"]) == (2, 0) and result["seconds"] > 0
    assert Image.open(tmp_path / "out/a.png").size == (60, 40)
    assert Image.open(tmp_path / "out/deep/b.jpg").size == (14, 18)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_the_mode_is_kept(tmp_path, grey, alpha, bits):
    original = smooth(grey, alpha, bits)
    write(tmp_path / "in/a.png", original)
    run(tmp_path / "in", tmp_path / "out")
    got = read(tmp_path / "out/a.png")
    assert got.bits == bits and (got.alpha is not None) == alpha
    assert got.grey == grey or (bits == 16 and alpha)
    expected = upscale(torch.tensor(original.rgb).permute(2, 0, 1)[None], SCALE)[0]
    np.testing.assert_allclose(got.rgb, expected.permute(1, 2, 0).clamp(0, 1), atol=1.5 / 2**bits)
    if alpha:
        mask = upscale(torch.from_numpy(original.opacity)[None, None], SCALE)[0, 0].clamp(0, 1)
        np.testing.assert_allclose(got.opacity, mask, atol=1.5 / 2**bits)


def test_tiles_give_the_same_picture(tmp_path, save):
    save("in/a.png", 70, 90)
    run(tmp_path / "in", tmp_path / "whole")
    run(tmp_path / "in", tmp_path / "tiled", tile=32, overlap=8)
    whole, tiled = (read(tmp_path / name / "a.png").rgb for name in ("whole", "tiled"))
    np.testing.assert_allclose(tiled, whole, atol=1.01 / 255)


def test_one_file_goes_to_a_folder_or_a_name(tmp_path, save):
    path = save("a.png", 8, 8)
    run(path, tmp_path / "folder")
    run(path, tmp_path / "named.jpg")
    assert (tmp_path / "folder/a.png").is_file()
    assert Image.open(tmp_path / "named.jpg").format == "JPEG"


def test_a_bad_file_does_not_stop_the_others(tmp_path, save, capsys):
    for name in ("in/a.png", "in/c.png"):
        save(name)
    (tmp_path / "in/b.png").write_bytes(b"no image")
    result = run(tmp_path / "in", tmp_path / "out")
    assert (result["images"], result["failed"]) == (2, 1)
    assert "b.png: no known image format" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]


def test_running_out_of_memory_on_one_picture_spares_the_others(tmp_path, save):
    def limited(images):
        if images.shape[-1] > 50:
            raise torch.OutOfMemoryError("out of memory")
        return bicubic(images)

    save("in/large.png", 60, 60), save("in/small.png", 20, 20)
    assert run(tmp_path / "in", tmp_path / "out", limited)["failed"] == 1


def test_when_every_picture_fails_the_run_fails(tmp_path, save):
    save("in/a.png")
    with pytest.raises(LaunchError, match="none of 1 pictures could be enlarged"):
        run(tmp_path / "in", tmp_path / "out", lambda images: images)


@pytest.mark.parametrize("output", ["in", "in/out", "in/../in/deep"])
def test_output_among_the_input_is_refused(tmp_path, save, output):
    path = save("in/a.png")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="choose"):
        run(tmp_path / "in", tmp_path / output)
    with pytest.raises(ConfigError, match="is the input; choose another folder"):
        run(path, tmp_path / "in")
    assert path.read_bytes() == before


def test_what_was_assumed_is_said(tmp_path, save, capsys):
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (0, 255)]
    (tmp_path / "in").mkdir()
    frames[0].save(tmp_path / "in/a.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "in/b.heic").touch()
    run(tmp_path / "in", tmp_path / "out")
    said = capsys.readouterr().out
    assert "the first of 2 frames: a.gif" in said and "left out 1 .heic files" in said


def test_no_fringe_of_a_hidden_colour(tmp_path):
    """A white disc on transparent black stays white where it shows."""
    y, x = np.mgrid[:32, :32] - 16
    disc = np.where(np.hypot(y, x) < 10, 255, 0).astype(np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(np.dstack([disc] * 4)).save(tmp_path / "in/a.png")
    run(tmp_path / "in", tmp_path / "out")
    assert read(tmp_path / "out/a.png").over(1.0).min() > 0.99


def test_edges_that_wrap_are_as_the_inside(tmp_path):
    """A period of 16, drawn twice and wrapped: every period of the result is the same."""
    period = np.random.default_rng(0).integers(0, 256, (16, 16, 4), dtype=np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(np.tile(period, (2, 2, 1))).save(tmp_path / "in/a.png")
    run(tmp_path / "in", tmp_path / "out", wrap=True, overlap=4)
    got = read(tmp_path / "out/a.png")
    for values in (got.rgb, got.opacity):
        np.testing.assert_allclose(values[:32, :32], values[32:, 32:], atol=1e-6)


def test_missing_input_is_said_with_what_was_expected(tmp_path):
    with pytest.raises(MissingError, match="nowhere does not exist; input is a picture or"):
        run(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingError, match="empty holds no pictures"):
        run(tmp_path / "empty", tmp_path / "out")
