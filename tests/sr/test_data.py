"""Folders of pictures: layouts, batches, what is held out, and files of no use."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from launch.errors import ConfigError, MissingError
from launch.experiments.sr.data import HighResolutionFolder, PairedFolder
from launch.experiments.sr.degradation import RealWorldDegradation
from launch.experiments.sr.metrics import psnr_y, ssim_y
from launch.experiments.sr.resize import downscale, quantise, upscale
from launch.tools import pictures


def fit(data, batches=2, seed=0):
    data.seed, data.last_batch = seed, batches
    data.setup("fit")
    return data


def small(root, kind=HighResolutionFolder, **settings):
    return kind(root=root, **({"scale": 4, "crop": 8, "batch_size": 4} | settings))


def lows(data):
    return [batch["low"] for batch in data.val_dataloader()]


@pytest.fixture
def folder(tmp_path, save):
    for i in range(6):
        save(f"{i}.png", 40 + 8 * i, 64)
    return tmp_path


def test_batches_are_floats_of_both_resolutions(folder):
    batches = list(fit(small(folder)).train_dataloader())
    assert len(batches) == 2
    for batch in batches:
        assert batch["low"].shape == (4, 3, 8, 8) and batch["high"].shape == (4, 3, 32, 32)
        assert all(
            v.dtype == torch.float32 and 0 <= v.min() <= v.max() <= 1 for v in batch.values()
        )


def test_low_resolution_is_made_once_from_the_whole_image(folder):
    data = fit(small(folder))
    for batch in data.val_dataloader():
        expected = quantise(downscale(batch["high"], 4))
        torch.testing.assert_close(batch["low"], expected, atol=1e-6, rtol=0)
    first = data.train_set.pairs[0]
    assert first is data.train_set.pairs[0]


def test_the_same_seed_gives_the_same_batches_from_any_batch_on(folder):
    whole = list(fit(small(folder), batches=5).train_dataloader())
    later = fit(small(folder), batches=5)
    later.first_batch = 3
    torch.testing.assert_close(list(later.train_dataloader()), whole[3:])
    other = next(iter(fit(small(folder), seed=1).train_dataloader()))
    assert not torch.equal(other["low"], whole[0]["low"])


def test_workers_change_nothing(folder):
    alone = list(fit(small(folder)).train_dataloader())
    torch.testing.assert_close(list(fit(small(folder, workers=2)).train_dataloader()), alone)


def test_images_alone_are_split_by_name(folder):
    data = fit(small(folder))
    report = data.report()
    assert (report["train_images"], report["validation_images"]) == (5, 1)
    train, validation = data.split
    assert not {s.name for s in train} & {s.name for s in validation}


def test_train_and_val_folders_are_used_as_they_are(tmp_path, save):
    for name in ("train/a.png", "train/b.png", "val/c.png", "val/d.png", "other.png"):
        save(name)
    report = fit(small(tmp_path)).report()
    assert (report["train_images"], report["validation_images"]) == (2, 2)
    few = small(tmp_path, validation_images=1)
    assert [s.name for s in few.validation(whole=False)[""]] == ["c"]


def test_train_without_val_is_split(tmp_path, save):
    for i in range(5):
        save(f"train/{i}.png")
    train, validation = small(tmp_path).split
    assert (len(train), len(validation)) == (4, 1)


def test_validation_can_be_cut_to_the_centre(folder):
    data = fit(small(folder, validation_size=46))
    (batch,) = data.val_dataloader()
    assert batch["high"].shape[-1] == 44 and batch["low"].shape[-1] == 11


def test_validate_reads_no_training_image(tmp_path, save):
    save("train/a.png"), save("val/b.png")
    (tmp_path / "train/broken.png").write_bytes(b"")
    data = small(tmp_path)
    data.setup("validate")
    assert data.train_set is None and len(data.validation_set) == 1


def test_bad_files_are_named_counted_and_skipped(folder, save):
    save("tiny.png", 8, 8)
    (folder / "broken.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="are of no use: .*; they are left out"):
        data = fit(small(folder, max_bad_fraction=0.5))
    report = data.report()
    assert report["skipped_images"] == 2 and set(report["skipped"]) == {"tiny.png", "broken.png"}
    assert report["train_images"] + report["validation_images"] == 6


def test_too_many_bad_files_stop(folder):
    for i in range(3):
        (folder / f"broken{i}.png").write_bytes(b"no image")
    with pytest.raises(MissingError, match=r"of no use: broken\d\.png .*data\.max_bad_fraction"):
        fit(small(folder, max_bad_fraction=0.1))


def test_images_beyond_the_memory_are_slow_but_the_same(folder):
    with pytest.warns(UserWarning, match=r"images do not fit in data\.memory_gigabytes=0; the oth"):
        slow = fit(small(folder, memory_gigabytes=0.0))
    torch.testing.assert_close(
        list(slow.train_dataloader()), list(fit(small(folder)).train_dataloader()), atol=0, rtol=0
    )


def test_the_memory_is_shared_by_the_workers(folder):
    assert fit(small(folder, workers=4, memory_gigabytes=2)).train_set.pairs.left == 0.5e9


def test_nothing_is_decoded_before_it_is_asked_for(folder, monkeypatch):
    decoded = []
    original = pictures.read
    monkeypatch.setattr(pictures, "read", lambda path: decoded.append(path) or original(path))
    data = fit(small(folder))
    assert decoded == [source.high for source in data.split[1]]
    assert data.train_set.pairs.decoded == 0


def test_a_picture_that_turns_out_cut_off_is_replaced_by_the_next(folder):
    path = fit(small(folder)).split[0][2].high
    path.write_bytes(path.read_bytes()[:-200])
    data = fit(small(folder))
    with pytest.warns(UserWarning, match=f"{path.name}: .*; it is left out"):
        replaced = data.train_set.pairs[2]
    assert replaced is data.train_set.pairs[3]
    assert list(data.report()["skipped"]) == [path.name]


def test_a_damaged_picture_is_not_judged_by_another(tmp_path, save):
    save("train/a.png"), save("val/b.png")
    cut = save("val/c.png")
    cut.write_bytes(cut.read_bytes()[:-200])
    data = small(tmp_path, max_bad_fraction=0.5)
    with pytest.warns(UserWarning, match="1 of 2 validation images are of no use: val/c.png"):
        data.setup("validate")
    assert [sample["name"] for sample in data.validation_set] == ["b"]


def test_validate_takes_the_whole_of_a_folder(folder, tmp_path, save):
    data = small(folder)
    data.setup("validate")
    assert len(data.validation_set) == 6
    for i in range(3):
        save(f"other/val/{i}.png"), save("other/train/a.png")
    data = small(tmp_path / "other", validation_images=1)
    data.setup("validate")
    assert len(data.validation_set) == 3


def test_several_sets_have_names_and_need_no_root(tmp_path, save):
    save("five/a.png"), save("five/b.png"), save("ten/a.png"), save("root/x.png")
    sets = {"Set5": tmp_path / "five", "Set10": tmp_path / "ten"}
    data = small(None, validation_sets=sets)
    data.setup("validate")
    named = [(sample["set"], sample["name"]) for sample in data.validation_set]
    assert named == [("Set5", "a"), ("Set5", "b"), ("Set10", "a")]
    trained = fit(small(tmp_path / "root", validation_sets=sets))
    assert (len(trained.split[0]), len(trained.validation_set)) == (1, 3)
    with pytest.raises(ConfigError, match=r"data\.root is null; a training needs"):
        fit(small(None, validation_sets=sets))


def test_inspect_says_what_was_found_assumed_and_left_out(folder, tmp_path, save):
    (folder / "camera.heic").touch(), (folder / "broken.png").write_bytes(b"no image")
    hidden = np.zeros((40, 48, 4), np.uint8)
    hidden[10:30, 10:30] = 255
    Image.fromarray(hidden).save(folder / "hidden.png")
    lines = small(folder).inspect(tmp_path / "sheets")
    assert "left out: 1 .heic files, which are not read here" in lines
    text = "\n".join(lines)
    for expected in (
        "pictures, 48x40 to 64x80, 0 of them grey",
        "colour under alpha 0 taken from the nearest visible pixel: 1 pictures (hidden.png)",
        "alpha is left out: 1 pictures (hidden.png)",
        "left out broken.png: no known image format, or cut off",
    ):
        assert expected in text
    assert Image.open(tmp_path / "sheets/train.png").width > 300


def test_validation_images_must_have_room_for_ssim(folder):
    with pytest.raises(ConfigError, match="validation_size is 19 and must be at least 20"):
        small(folder, validation_size=19)


def test_an_empty_folder_says_where_to_point(tmp_path):
    with pytest.raises(MissingError, match=r"has 0 images .* point data\.root to") as caught:
        fit(small(tmp_path))
    assert caught.value.exit_code == 3


def test_pairs_come_from_their_files(tmp_path, save):
    for i in range(4):
        save(f"hr/{i}.png", 64, 64, seed=i), save(f"lr/{i}x4.png", 16, 16, seed=i)
    data = fit(small(tmp_path, PairedFolder, augment=False))
    assert data.report()["train_images"] == 3
    for batch in data.train_dataloader():
        assert batch["low"].shape == (4, 3, 8, 8) and batch["high"].shape == (4, 3, 32, 32)


def test_a_partnerless_pair_counts_as_bad(tmp_path, save):
    for part in ("train", "val"):
        for i in range(3):
            save(f"{part}/hr/{i}.png", 64, 64), save(f"{part}/lr/{i}.png", 16, 16)
    save("train/hr/alone.png", 64, 64)
    with pytest.warns(UserWarning, match=r"train/lr/alone\.png"):
        data = fit(small(tmp_path, PairedFolder, max_bad_fraction=0.5))
    assert data.report()["skipped"] == {"train/lr/alone.png": "there is no such file"}


def test_degraded_crops_are_new_each_time_and_validation_is_not(folder):
    data = fit(small(folder, degradation=RealWorldDegradation()))
    assert data.train_set.pairs[0].low is None
    one, two = data.train_dataloader()
    assert one["low"].shape == (4, 3, 8, 8) and not torch.equal(one["low"], two["low"])
    torch.testing.assert_close(lows(data), lows(data))


def test_the_fingerprint_changes_with_the_files(folder, save):
    before = small(folder).fingerprint()
    assert before == small(folder, crop=4).fingerprint()
    save("new.png")
    assert small(folder).fingerprint() != before


def test_bicubic_on_photographs_scores_what_matlab_s_does(photos):
    """Measured with the kernel matrices of test_resize in double precision: x4, 4 photos."""
    data = fit(HighResolutionFolder(root=photos, validation_images=4))
    scores = [
        (psnr_y(high, batch["high"], 4).item(), ssim_y(high, batch["high"], 4).item())
        for batch in data.val_dataloader()
        for high in [upscale(batch["low"], 4)]
    ]
    psnr, ssim = (math.fsum(column) / len(scores) for column in zip(*scores, strict=True))
    assert psnr == pytest.approx(27.463, abs=0.005) and ssim == pytest.approx(0.7497, abs=2e-4)
    assert next(iter(data.train_dataloader()))["high"].shape == (16, 3, 128, 128)
