"""The data of a phase: mixing, balancing, splitting, pseudo-labels, and what is reported."""

from collections import Counter

import numpy as np
import pytest
import torch
from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.data import Textures, guess, hold_out, pseudo_report
from launch.experiments.pbr.layers import CLEAN, GAME, Material, pack
from launch.experiments.pbr.samples import Samples
from launch.experiments.pbr.sources import Synthetic
from launch.experiments.pbr.synthetic import material
from torch import nn
from torch.utils.data import default_collate

from launch.errors import MissingError
from launch.schedules import Constant

SIDE = 32


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def textures(cache):
    def make(**settings) -> Textures:
        data = Textures(
            batch_size=4,
            size=SIDE,
            feed=SIDE,
            cache=cache,
            clean=Synthetic(40, SIDE, CLEAN),
            game=Synthetic(20, SIDE, GAME, mixed=5),
            crop=Constant(SIDE),
            **settings,
        )
        data.setup("fit")
        return data

    return make


def domains(data: Textures, epochs: int = 20) -> Counter[str]:
    drawn = np.concatenate([data.chosen(epoch) for epoch in range(epochs)])
    return Counter(data.materials[i].domain for i in drawn)


def test_the_mix_of_the_domains(textures):
    drawn = domains(textures(game_share=0.25))
    assert drawn[GAME] / drawn.total() == pytest.approx(0.25, abs=0.04)
    assert set(domains(textures())) == {CLEAN}
    assert set(domains(textures(game_share=1.0))) == {GAME}


def test_without_a_sampler_an_epoch_is_a_permutation(textures):
    data = textures()
    assert sorted(data.chosen(3)) == list(range(len(data.materials)))
    assert not np.array_equal(data.chosen(3), data.chosen(4))
    np.testing.assert_array_equal(data.chosen(3), data.chosen(3))


def test_a_balanced_epoch_draws_classes_alike_and_keeps_the_mix(textures):
    data = textures(balanced=True, game_share=0.5)
    p = data.probabilities()
    clean = np.array([m.domain == CLEAN for m in data.materials])
    assert p[clean].sum() == pytest.approx(0.5)
    by_class = Counter()
    for material_, share in zip(data.materials, p, strict=True):
        if material_.domain == CLEAN:
            by_class[material_.category] += share
    assert np.ptp(list(by_class.values())) == pytest.approx(0, abs=1e-9)


def test_rare_classes_weigh_more_and_the_mean_is_one(textures):
    data = textures()
    weights = data.class_weights()
    counts = Counter(m.category for m in data.prepared[CLEAN].materials)
    rare, common = min(counts, key=counts.get), max(counts, key=counts.get)
    assert weights.mean().item() == pytest.approx(1)
    expected = (counts[common] / counts[rare]) ** 0.5
    assert (weights[rare] / weights[common]).item() == pytest.approx(expected)


def test_every_class_is_held_out_and_none_is_in_both_parts():
    packed = np.zeros((17, 1, 1), np.uint8)
    all_of = [Material(f"{c}{i}", CLEAN, c, packed) for c in range(3) for i in range(10 * c + 2)]
    train, held = hold_out(all_of, 0.05)
    assert {m.category for m in held} == {0, 1, 2}
    assert len(train) + len(held) == len(all_of)
    assert not {m.name for m in train} & {m.name for m in held}
    alone = [Material("only", CLEAN, 0, packed)]
    assert hold_out(alone, 0.05) == (alone, [])


def test_a_phase_without_its_game_textures_says_so(cache):
    data = Textures(4, SIDE, SIDE, cache, clean=Synthetic(14, SIDE), game_share=0.25)
    with pytest.raises(MissingError, match=r"25% game textures; give data\.game a source"):
        data.setup("fit")


def test_relit_materials_and_others_do_not_mix_in_the_cache(textures):
    plain, relit, again = (textures(game_share=0.5, relight=on) for on in (False, True, False))
    clean = sum(m.domain == CLEAN for m in relit.materials)
    assert relit.report()["derived"] == {"diffuse from albedo": clean}
    assert plain.report()["derived"] == again.report()["derived"] == {}
    assert plain.fingerprint() == again.fingerprint() != relit.fingerprint()
    for before, lit, after in zip(plain.materials, relit.materials, again.materials, strict=True):
        same = np.array_equal(before.packed[:3], lit.packed[:3])
        assert same == (before.domain == GAME)
        np.testing.assert_array_equal(before.packed[3:], lit.packed[3:])
        np.testing.assert_array_equal(before.packed, after.packed)


def test_at_most_so_many_materials_of_a_class(textures):
    counts = Counter(m.category for m in textures(per_class=2).materials)
    assert max(counts.values()) == 2


class Certain(nn.Module):
    """Says wood in the left half, with confidence, and nothing in the right."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits = image.new_zeros(len(image), len(KEPT), *image.shape[-2:])
        logits[:, KEPT.index("wood"), :, : image.shape[-1] // 2] = 20
        return logits


def test_a_teacher_labels_game_textures_once():
    packed = pack(material(0, "wood", GAME, SIDE))
    texture = Material("a", GAME, None, packed)
    guess(Certain(), [texture])
    report = pseudo_report([texture])
    assert report["pseudo_share"] == pytest.approx(0.5, abs=0.05)
    assert report["pseudo_precision"] == 1.0


def test_samples_carry_the_guess_and_hide_the_class(textures):
    data = textures(game_share=1.0, teacher=Certain())
    assert isinstance(data.train_set, Samples)
    batch = default_collate([data.train_set[(0, 0)]])
    sample = {name: values[0] for name, values in data.on_after_batch_transfer(batch, 0).items()}
    assert (sample["pseudo"][:, : SIDE // 4] == KEPT.index("wood")).all()
    assert (sample["confidence"][0, :, : SIDE // 4] > 0.9).all()
    assert (sample["classes"] == 255).all()


def test_the_report_counts_what_was_found(textures):
    data = textures(game_share=0.25)
    report = data.report()
    assert report["materials"].keys() == {CLEAN, GAME}
    assert report["bad_count"] == 0
    assert report["missing"] == {}
    assert data.fingerprint() == textures(game_share=0.5).fingerprint()


def test_the_report_counts_maps_that_materials_lack(textures):
    data = textures()
    data.materials[0].truth = ("albedo", "roughness")
    data.materials[1].truth = ("albedo", "roughness", "metallic", "height")
    assert data.report()["missing"] == {"clean metallic": 1, "clean ao": 2, "clean height": 1}
