"""A folder of X-rays: a row for each file that can be read, and nothing overwritten."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from launch.errors import ConfigError, LaunchError, MissingError
from launch.experiments.roi.masks import MaskSample
from launch.experiments.roi.predict import predict_folder

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)


def recipe():
    """A stand-in that finds the mean brightness and keeps the left half."""

    def look(image):
        mask = torch.zeros_like(image)
        mask[..., : image.shape[-1] // 2] = 1
        return mask, MaskSample(mask, mask, mask)

    return SimpleNamespace(
        img_size=16,
        device="cpu",
        labels=["Mass"],
        mask_fill="zero",
        look=look,
        evaluated=lambda _: lambda image: image.mean((2, 3)),
    )


def save(path, pixels=PIXELS):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_files_of_one_name_do_not_take_each_others_place(tmp_path):
    for name in ("a/0_0.png", "b/0_0.png", "b/0_0.jpg"):
        save(tmp_path / "in" / name)
    counts = predict_folder(recipe(), tmp_path / "in", tmp_path / "out")
    assert counts["images"] == 3
    assert [r["image"] for r in rows(tmp_path / "out" / "predictions.csv")] == [
        "a/0_0.png", "b/0_0.jpg", "b/0_0.png",
    ]  # fmt: skip
    masks = tmp_path / "out" / "masks"
    written = sorted(p.relative_to(masks).as_posix() for p in masks.rglob("*.png"))
    assert written == ["a/0_0.png", "b/0_0.jpg.png", "b/0_0.png.png"]


def test_the_same_xray_in_several_encodings_has_one_probability_and_says_what_was_assumed(tmp_path):
    full = np.rint(PIXELS * (4095 / 255)).astype(np.uint16)
    save(tmp_path / "in" / "eight.png")
    save(tmp_path / "in" / "sixteen.png", PIXELS.astype(np.uint16) * 257)
    save(tmp_path / "in" / "twelve.png", full)
    save(tmp_path / "in" / "rgba.png", np.dstack([PIXELS] * 3 + [PIXELS * 0 + 255]))
    predict_folder(recipe(), tmp_path / "in", tmp_path / "out")
    found = {row["image"]: row for row in rows(tmp_path / "out" / "predictions.csv")}
    probabilities = [float(row["prob_full/Mass"]) for row in found.values()]
    assert max(probabilities) - min(probabilities) < 1e-3
    assert "12 bits" in found["twelve.png"]["assumed"] and not found["eight.png"]["assumed"]


@pytest.mark.parametrize("output", ["in", "in/out", "."])
def test_the_output_may_not_touch_the_input(tmp_path, output):
    save(tmp_path / "in" / "masks" / "a.png")
    before = (tmp_path / "in" / "masks" / "a.png").read_bytes()
    with pytest.raises(ConfigError, match="choose a folder beside it"):
        predict_folder(recipe(), tmp_path / "in", tmp_path / output)
    assert (tmp_path / "in" / "masks" / "a.png").read_bytes() == before


def test_a_single_file(tmp_path):
    save(tmp_path / "in" / "a.png")
    assert predict_folder(recipe(), tmp_path / "in" / "a.png", tmp_path / "out")["images"] == 1
    assert (tmp_path / "out" / "overlays" / "a.png").is_file()


def test_nothing_to_read_is_an_error(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(MissingError, match="has no X-ray"):
        predict_folder(recipe(), tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "a.png").write_text("no image")
    with pytest.raises(LaunchError, match="none of the 1 files"):
        predict_folder(recipe(), tmp_path / "in", tmp_path / "out")
