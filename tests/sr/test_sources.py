"""Which files belong together, and what becomes of those that are of no use."""

import numpy as np
import pytest

from launch.errors import MissingError
from launch.experiments.sr.sources import (
    Pairs,
    Source,
    check,
    high_resolution,
    hold_out,
    index,
    paired,
    read_pair,
    read_pixels,
    with_low,
)
from launch.tools.pictures import Picture, UnreadableImageError, write


def read(source):
    return read_pair(source, scale=4)


def test_high_resolution_names_go_without_suffix_and_with_folders(tmp_path, save):
    save("b.png"), save("deep/a.jpg")
    assert [s.name for s in high_resolution(tmp_path)] == ["b", "deep/a"]


def test_pairs_match_by_name_with_or_without_the_scale(tmp_path, save):
    for name in ("hr/0001.png", "lr/0001x4.png", "hr/sub/b.jpg", "lr/sub/b.png"):
        save(name)
    got = {s.name: (s.high.name, s.low.name) for s in paired(tmp_path, 4)}
    assert got == {"0001": ("0001.png", "0001x4.png"), "sub/b": ("b.jpg", "b.png")}


def test_a_missing_partner_is_found_by_the_index(tmp_path, save):
    save("hr/a.png"), save("lr/b.png")
    bad = index(paired(tmp_path, 4), 4, 2).bad
    names = {path.relative_to(tmp_path).as_posix(): reason for path, reason in bad.items()}
    assert names == {"lr/a.png": "there is no such file", "hr/b.png": "there is no such file"}


def test_files_that_differ_in_their_suffix_alone_are_two(tmp_path, save):
    save("a.png"), save("a.jpg"), save("b.png")
    assert [s.name for s in high_resolution(tmp_path)] == ["a.jpg", "a.png", "b"]


def test_paired_folders_must_be_there(tmp_path, save):
    save("hr/a.png")
    with pytest.raises(MissingError, match="lr is missing; paired images go to hr and lr in"):
        paired(tmp_path, 4)


def test_the_low_image_is_made_from_the_cut_high_one(save):
    pair = with_low(read_pair(Source("a", save("a.png", 43, 50)), 4), 4)
    assert pair.high.shape == (3, 40, 48) and pair.low.shape == (3, 10, 12)
    assert pair.high.flags.c_contiguous and pair.nbytes == 3 * (40 * 48 + 10 * 12)
    assert abs(pair.low.mean() - pair.high.mean()) < 2


def test_a_low_image_of_another_ratio_is_refused(save):
    high, good, bad = save("hr.png", 41, 50), save("good.png", 10, 12), save("bad.png", 10, 13)
    assert check(Source("a", high, good), 4, 2).height == 41
    with pytest.raises(UnreadableImageError, match=r"bad\.png: 13x10 is not 1/4 of 50x41"):
        check(Source("a", high, bad), 4, 2)


def test_a_small_image_is_refused(save):
    reason = "48x40 is too small, both sides must be at least 44"
    with pytest.raises(UnreadableImageError, match=reason):
        check(Source("a", save("a.png")), 4, 11)


def test_bad_sources_are_left_out_with_their_reason(tmp_path, save):
    good, small = save("good.png"), save("small.png", 4, 4)
    (tmp_path / "broken.png").write_bytes(b"no image")
    found = index([Source(p.stem, p) for p in (good, small, tmp_path / "broken.png")], 4, 2)
    assert [s.name for s in found.sources] == ["good"] and found.pixels == 40 * 48
    assert list(found.bad) == [small, tmp_path / "broken.png"]
    first, second = found.bad.values()
    assert "too small" in first and "no known image format" in second


def test_what_does_not_fit_in_memory_is_read_again(save):
    sources = [Source(str(i), save(f"{i}.png", 40, 40)) for i in range(3)]
    one = 3 * (40 * 40 + 10 * 10) / 1e9
    pairs = Pairs(sources, read, 1.5 * one, keep=lambda pair: with_low(pair, 4))
    assert len(pairs) == 3 and pairs.decoded == 0
    for number, source in enumerate(sources):
        np.testing.assert_array_equal(pairs[number].high, read_pixels(source.high)[0])
    assert pairs.decoded == 1
    assert pairs[1] is not pairs[1] and pairs[0] is pairs[0]
    assert pairs[0].low.shape == (3, 10, 10) and pairs[1].low is None


def test_pictures_that_all_fail_are_an_error(tmp_path):
    with (
        pytest.raises(MissingError, match=r"none of 1 images can be decoded: .*gone\.png"),
        pytest.warns(UserWarning, match="it is left out"),
    ):
        Pairs([Source("a", tmp_path / "gone.png")], read, 1)[0]


def test_held_out_images_depend_on_their_names_alone(tmp_path):
    sources = [Source(f"{i:04}", tmp_path) for i in range(100)]
    train, validation = hold_out(sources, at_most=8)
    assert len(validation) == 8 and len(train) == 92
    assert {s.name for s in train} | {s.name for s in validation} == {s.name for s in sources}
    assert hold_out(sources[::-1], 8)[1][::-1] == validation
    without = [s for s in sources if s is not train[0]]
    assert hold_out(without, 8)[1] == validation


@pytest.mark.parametrize(
    ("images", "at_most", "held"), [(0, 8, 0), (1, 8, 1), (9, 8, 1), (30, 8, 3)]
)
def test_a_tenth_is_held_out_and_at_least_one(tmp_path, images, at_most, held):
    sources = [Source(str(i), tmp_path) for i in range(images)]
    train, validation = hold_out(sources, at_most)
    assert (len(train), len(validation)) == (images - held, held)


def test_sixteen_bit_and_grey_files_become_8_bit_rgb(tmp_path):
    write(tmp_path / "a.png", Picture(np.full((4, 4, 1), 32768, np.uint16)))
    pixels, grey = read_pixels(tmp_path / "a.png")
    assert pixels.shape == (3, 4, 4) and pixels.dtype == np.uint8 and (pixels == 128).all()
    assert grey
