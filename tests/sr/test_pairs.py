"""Crops of the two resolutions show the same place, and depend on the key alone."""

import numpy as np
import pytest
import torch

from launch.experiments.sr.pairs import Crops, Pair, WholeImages, Window, shrink, to_float, turned

SCALE = 2


def numbered(height=24, width=30):
    """Both resolutions hold the number of their low-resolution pixel."""
    low = np.arange(height * width, dtype=np.uint16).reshape(height, width) % 251
    low = np.stack([low] * 3).astype(np.uint8)
    return Pair(low.repeat(SCALE, 1).repeat(SCALE, 2), low)


@pytest.mark.parametrize("augment", [False, True])
def test_crops_of_both_resolutions_show_the_same_place(augment):
    crops = Crops([numbered()], SCALE, 8, seed=0, augment=augment)
    for index in range(32):
        sample = crops[0, index]
        assert sample["low"].shape == (3, 8, 8) and sample["high"].shape == (3, 16, 16)
        enlarged = sample["low"].repeat_interleave(SCALE, 1).repeat_interleave(SCALE, 2)
        torch.testing.assert_close(sample["high"], enlarged)


def test_values_are_contiguous_floats_between_0_and_1():
    sample = Crops([numbered()], SCALE, 8, seed=0)[0, 3]
    for pixels in sample.values():
        assert pixels.dtype == torch.float32 and pixels.is_contiguous()
        assert pixels.min() >= 0 and pixels.max() <= 1


def test_a_crop_depends_on_seed_epoch_and_index_alone():
    pairs = [numbered(), numbered(40, 10)]
    one, other = (Crops(pairs, SCALE, 8, seed=5) for _ in range(2))
    for key in [(0, 7), (0, 8), (1, 7)]:
        torch.testing.assert_close(one[key], other[key])
    different = [Crops(pairs, SCALE, 8, seed=6)[0, 7], one[0, 9], one[1, 7]]
    assert all(not torch.equal(one[0, 7]["low"], sample["low"]) for sample in different)


def test_an_epoch_takes_64_crops_of_every_image():
    pairs = [Pair(p.high * 0 + i, p.low * 0 + i) for i, p in enumerate([numbered()] * 3)]
    crops = Crops(pairs, SCALE, 8, seed=0)
    images = [round(crops[0, i]["low"][0, 0, 0].item() * 255) for i in range(len(crops))]
    assert np.bincount(images).tolist() == [64, 64, 64]


def test_a_crop_may_be_the_whole_image():
    sample = Crops([numbered(8, 8)], SCALE, 8, seed=0, augment=False)[0, 0]
    torch.testing.assert_close(sample["low"], to_float(numbered(8, 8).low))


def test_eight_turns_are_all_different_and_match_flips_and_rotations():
    image = np.arange(27).reshape(3, 3, 3)
    turns = {turned(image, turn).tobytes() for turn in range(8)}
    assert len(turns) == 8
    np.testing.assert_array_equal(turned(image, 0), image)
    np.testing.assert_array_equal(turned(image, 4), image[..., ::-1])


def test_a_degradation_sees_a_little_more_than_the_crop():
    seen = []

    def degrade(high, scale, draw):
        seen.append((high.shape, draw.random()))
        return high[:, ::scale, ::scale]

    pair = Pair(numbered(60, 60).high, None)
    crops = Crops([pair], SCALE, 8, seed=0, degradation=degrade)
    sample = crops[0, 0]
    assert seen[0][0] == (3, 32, 32) and sample["low"].shape == (3, 8, 8)
    enlarged = sample["low"].repeat_interleave(SCALE, 1).repeat_interleave(SCALE, 2)
    torch.testing.assert_close(sample["high"], enlarged)
    torch.testing.assert_close(crops[0, 0], sample)


def test_validation_takes_whole_images_or_their_centre():
    pair = numbered(24, 30)
    whole = WholeImages([pair], SCALE)[0]
    assert whole["low"].shape == (3, 24, 30) and whole["high"].shape == (3, 48, 60)
    centre = WholeImages([pair], SCALE, side=21)[0]
    torch.testing.assert_close(centre["low"], whole["low"][:, 7:17, 10:20])
    torch.testing.assert_close(centre["high"], whole["high"][:, 14:34, 20:40])


def test_validation_is_degraded_the_same_every_time():
    def noise(high, scale, draw):
        low = high[:, ::scale, ::scale]
        return draw.integers(0, 256, low.shape, dtype=np.uint8)

    images = WholeImages([Pair(numbered().high, None)] * 2, SCALE, degradation=noise)
    torch.testing.assert_close(images[0]["low"], images[0]["low"])
    assert not torch.equal(images[0]["low"], images[1]["low"])


def test_shrink_keeps_a_flat_colour_and_rounds():
    flat = np.full((3, 16, 16), 77, np.uint8)
    np.testing.assert_array_equal(shrink(flat, 4), np.full((3, 4, 4), 77))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_window_of_the_shrunk_image_is_shrunk_from_its_place_alone(scale):
    """Bit for bit, also where the window touches the border."""
    draw = np.random.default_rng(0)
    high = draw.integers(0, 256, (3, 30 * scale, 41 * scale), dtype=np.uint8)
    whole = shrink(high, scale)
    for window in [Window(0, 0, 9, 9), Window(21, 32, 9, 9), Window(7, 5, 8, 12)]:
        np.testing.assert_array_equal(shrink(high, scale, window), window.of(whole))


def test_crops_are_the_same_whether_the_low_image_is_kept_or_made_for_each():
    high = np.random.default_rng(0).integers(0, 256, (3, 48, 60), dtype=np.uint8)
    kept, made = (Crops([Pair(high, low)], SCALE, 8, seed=0) for low in (shrink(high, SCALE), None))
    for index in range(16):
        torch.testing.assert_close(kept[0, index], made[0, index], atol=0, rtol=0)
