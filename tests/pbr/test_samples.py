"""Samples: the same key gives the same sample; mosaics label every pixel; hidden game classes."""

import numpy as np
import pytest
import torch
from launch.experiments.pbr.augment import Augmentation
from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.layers import CLEAN, GAME, TARGETS, UNKNOWN, Material, pack
from launch.experiments.pbr.samples import Samples, Views, expand
from launch.experiments.pbr.synthetic import material
from torch.utils.data import default_collate

from launch.schedules import Points

ALL = Augmentation(True, 0.05, True, 0.3, 0.3, 0.6)


@pytest.fixture(scope="module")
def materials():
    made = []
    for index, category in enumerate(KEPT):
        for domain in (CLEAN, GAME):
            packed = pack(material(index, category, domain, 64))
            made.append(Material(f"{category}_{domain}", domain, index, packed))
    return made


def samples(materials, augmentation=ALL, crop=lambda epoch: 32.0, feed=32):
    chosen = np.arange(len(materials))
    return Samples(
        materials, len(materials), lambda epoch: chosen, 7, crop, feed, augmentation, KEPT
    )


def opened(sample):
    """The maps of one sample."""
    return {name: values[0] for name, values in expand(default_collate([sample])).items()}


def test_a_sample_depends_on_its_key_alone(materials):
    first, second = samples(materials), samples(materials)
    for place in reversed(range(len(materials))):
        second[(0, place)]
    for place in range(4):
        for name, values in first[(1, place)].items():
            assert torch.equal(values, second[(1, place)][name]), name
    assert not torch.equal(first[(1, 0)]["planes"], first[(2, 0)]["planes"])


def test_mosaics_have_the_classes_of_their_patches(materials):
    four = opened(samples(materials, Augmentation(four_crops=1.0))[(0, 0)])["classes"]
    quarters = [four[y : y + 16, x : x + 16].unique() for y in (0, 16) for x in (0, 16)]
    assert all(len(quarter) == 1 for quarter in quarters)
    two = opened(samples(materials, Augmentation(two_crops=1.0))[(3, 0)])["classes"]
    assert all(len(half.unique()) == 1 for half in (two[:, :16], two[:, 16:]))


def test_game_textures_are_not_composed_and_their_classes_are_hidden(materials):
    sample = opened(samples(materials, Augmentation(four_crops=1.0))[(0, 1)])
    assert (sample["classes"] == UNKNOWN).all()
    assert (opened(Views(materials, None, 32)[1])["classes"] != UNKNOWN).all()
    assert sample["game"] == 1


def test_the_window_grows_with_the_epoch(materials):
    curriculum = Points([[0, 32], [4, 64]], unit="epoch")
    cut = samples(materials, Augmentation(), curriculum, feed=64)
    random = np.random.default_rng(0)
    sides = [len(cut.window(random, materials[0], e, 64, 64)[0]) for e in range(5)]
    assert sides == [32, 32, 64, 64, 64]  # 32, 40, 48, 56, 64 to the nearest 32
    assert cut.window(random, materials[0], 4, 64, 32)[0].shape == (64, 32)


def test_missing_maps_are_marked_where_they_are_missing(materials):
    one = Material("x", CLEAN, 0, materials[0].packed, truth=("albedo", "height"))
    truth = opened(samples([one], Augmentation())[(0, 0)])["truth"]
    assert truth[:, 0, 0].tolist() == [float(name in one.truth) for name in TARGETS]


def test_views_are_the_same_every_time_and_show_the_classes(materials):
    views = Views(materials, None, 32)
    assert torch.equal(views[1]["planes"], views[1]["planes"])
    view = opened(views[1])
    assert view["classes"].unique().tolist() == [0]
    assert view.keys() >= {"diffuse", "normal", *TARGETS, "truth", "game"}


@pytest.mark.parametrize("domain", [CLEAN, GAME])
def test_an_untouched_sample_is_its_texture(domain):
    maps = material(3, "metal", domain, 64)
    whole = [Material("metal", domain, 4, pack(maps))]
    sample = opened(samples(whole, Augmentation(), None, 64)[(0, 0)])
    for name in ("diffuse", *TARGETS):
        expected = torch.from_numpy(maps[name].reshape(64, 64, -1).transpose(2, 0, 1)).float()
        torch.testing.assert_close(sample[name], expected, atol=0.51 / 255, rtol=0)
    torch.testing.assert_close(sample["normal"].norm(dim=0), torch.ones(64, 64))
    assert sample["truth"].min() == 1


@pytest.mark.parametrize("feed", [32, 64, 96])
def test_height_keeps_its_sixteen_bits(feed):
    """High and low bytes are not resized by themselves: that would tear where the low one wraps."""
    ramp = np.tile(np.linspace(0.2, 0.8, 64), (64, 1))
    maps = {"diffuse": np.zeros((64, 64, 3)), "height": ramp}
    one = [Material("ramp", CLEAN, 0, pack(maps), truth=("height",))]
    height = opened(samples(one, Augmentation(), None, feed)[(0, 0)])["height"][0]
    steps = height.diff(dim=1)[:, 2:-2]
    torch.testing.assert_close(
        steps, torch.full_like(steps, 0.6 / 63 * 64 / feed), atol=1e-3, rtol=0
    )
