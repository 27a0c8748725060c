"""Enlarging a folder: names, modes, alpha, and files that fail."""

import numpy as np
import pytest
import torch
from launch.experiments.sr.images import Picture, read, write
from launch.experiments.sr.predict import upscale_folder
from launch.experiments.sr.resize import upscale
from PIL import Image

from launch.errors import ConfigError, LaunchError, MissingError

SCALE = 2


def bicubic(images):
    assert not torch.is_grad_enabled() and images.shape[:2] == (1, 3)
    return upscale(images, SCALE)


def run(source, destination, network=bicubic, **settings):
    return upscale_folder(network, source, destination, SCALE, **settings)


def smooth(grey=False, alpha=False, bits=8):
    """A picture whose levels need its depth."""
    y, x = np.mgrid[:20, :30].astype(np.float32)
    rgb = np.stack([y / 40, x / 60, (x + y) / 70], axis=-1)
    rgb = rgb[..., :1].repeat(3, axis=-1) if grey else rgb
    return Picture(rgb, (x / 29) if alpha else None, grey, bits)


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
    expected = upscale(torch.from_numpy(original.rgb).permute(2, 0, 1)[None], SCALE)[0]
    np.testing.assert_allclose(got.rgb, expected.permute(1, 2, 0).clamp(0, 1), atol=1.5 / 2**bits)
    if alpha:
        mask = upscale(torch.from_numpy(original.alpha)[None, None], SCALE)[0, 0].clamp(0, 1)
        np.testing.assert_allclose(got.alpha, mask, atol=1.5 / 2**bits)


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


def test_results_of_an_earlier_run_are_not_enlarged_again(tmp_path, save):
    save("in/a.png")
    for _ in range(2):
        assert run(tmp_path / "in", tmp_path / "in/out")["images"] == 1


def test_pictures_are_not_written_over_themselves(tmp_path, save):
    save("in/a.png")
    with pytest.raises(ConfigError, match="is the input; choose another folder"):
        run(tmp_path / "in", tmp_path / "in")


def test_missing_input_is_said_with_what_was_expected(tmp_path):
    with pytest.raises(MissingError, match="nowhere does not exist; input is a picture or"):
        run(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingError, match="empty holds no pictures"):
        run(tmp_path / "empty", tmp_path / "out")
