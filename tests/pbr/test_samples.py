"""Samples: the same key gives the same sample; mosaics label every pixel; hidden game classes."""

import numpy as np
import pytest
import torch

from experiments.pbr.augment import Augmentation
from experiments.pbr.categories import KEPT
from experiments.pbr.layers import CLEAN, GAME, TARGETS, UNKNOWN, Material, pack
from experiments.pbr.samples import Samples, Views
from experiments.pbr.synthetic import material
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


def test_a_sample_depends_on_its_key_alone(materials):
    first, second = samples(materials), samples(materials)
    for place in reversed(range(len(materials))):
        second[(0, place)]
    for place in range(4):
        for name, values in first[(1, place)].items():
            assert torch.equal(values, second[(1, place)][name]), name
    assert not torch.equal(first[(1, 0)]["diffuse"], first[(2, 0)]["diffuse"])


def test_mosaics_have_the_classes_of_their_patches(materials):
    four = samples(materials, Augmentation(four_crops=1.0))[(0, 0)]["classes"]
    quarters = [four[y : y + 16, x : x + 16].unique() for y in (0, 16) for x in (0, 16)]
    assert all(len(quarter) == 1 for quarter in quarters)
    two = samples(materials, Augmentation(two_crops=1.0))[(3, 0)]["classes"]
    assert all(len(half.unique()) == 1 for half in (two[:, :16], two[:, 16:]))


def test_game_textures_are_not_composed_and_their_classes_are_hidden(materials):
    sample = samples(materials, Augmentation(four_crops=1.0))[(0, 1)]
    assert (sample["classes"] == UNKNOWN).all()
    assert len(sample["true_classes"].unique()) == 1
    assert sample["game"] == 1


def test_the_window_grows_with_the_epoch(materials):
    curriculum = Points([[0, 32], [4, 64]], unit="epoch")
    cut = samples(materials, Augmentation(), curriculum, feed=64)
    random = np.random.default_rng(0)
    sides = [cut.window(random, materials[0], e, 64, 64).shape[0] for e in range(5)]
    assert sides == [32, 32, 64, 64, 64]  # 32, 40, 48, 56, 64 to the nearest 32
    assert cut.window(random, materials[0], 4, 64, 32).shape[:2] == (64, 32)


def test_missing_maps_are_marked_where_they_are_missing(materials):
    one = Material("x", CLEAN, 0, materials[0].packed, truth=("albedo", "height"))
    truth = samples([one], Augmentation())[(0, 0)]["truth"]
    assert truth[:, 0, 0].tolist() == [float(name in one.truth) for name in TARGETS]


def test_views_are_the_same_every_time_and_show_the_classes(materials):
    views = Views(materials, None, 32)
    assert torch.equal(views[1]["diffuse"], views[1]["diffuse"])
    assert views[1]["classes"].unique().tolist() == [0]
    assert {name for name in views[0]} >= {"diffuse", "normal", *TARGETS, "truth", "game"}
