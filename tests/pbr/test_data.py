"""The data of a phase: mixing, balancing, splitting, pseudo-labels, and what is reported."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import default_collate

from launch.errors import ConfigError, MissingError
from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.data import Textures, hold_out
from launch.experiments.pbr.layers import CLEAN, GAME, Material
from launch.experiments.pbr.samples import Samples
from launch.experiments.pbr.sources import GameFolder, Synthetic
from launch.experiments.pbr.teacher import pseudo_report
from launch.schedules import Constant
from tests.compositions import configuration
from tests.pbr.networks import Certain

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
            crop=Constant(SIDE, unit="epoch"),
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


def test_crops_count_epochs():
    with pytest.raises(ConfigError, match=r"counts by iterations.*give data\.crop\.unit=epoch"):
        Textures(batch_size=4, size=SIDE, feed=SIDE, cache="", crop=Constant(SIDE))


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
    counts = Counter(m.category for m in data.materials)
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


def test_a_higher_power_draws_rare_classes_more_often(textures):
    """0 as they come, 1 all alike, 2 the rarer the more."""
    drawn = {}
    for power in (0.0, 1.0, 2.0):
        data = textures(balanced=True, sampler_power=power)
        shares = Counter()
        for texture, share in zip(data.materials, data.probabilities(), strict=True):
            shares[texture.category] += share
        drawn[power] = shares
    counts = Counter(m.category for m in data.materials)
    rare, common = min(counts, key=counts.get), max(counts, key=counts.get)
    ratio = counts[common] / counts[rare]
    for power, shares in drawn.items():
        assert shares[rare] / shares[common] == pytest.approx(ratio ** (power - 1))


def test_materials_that_were_lit_again_are_drawn_less_often(textures):
    data = textures(derived_share=0.3)
    data.materials[0].derived = {"diffuse": "albedo"}
    first, second, *_ = data.probabilities()
    assert first / second == pytest.approx(0.3)


def test_classes_weigh_by_what_is_trained_on(textures):
    """On game textures alone the teacher says how frequent they are."""
    weights = textures(game_share=1.0, teacher=Certain()).class_weights()
    wood = KEPT.index("wood")
    assert weights[wood] == 1
    assert (weights == 1).all()  # no other class is there to be rarer
    two = Material("a", GAME, None, np.zeros((17, 8, 8), np.uint8))
    two.guess = np.full((2, 8, 8), 255, np.uint8)
    two.guess[0] = wood
    two.guess[0, :, :4] = KEPT.index("stone")
    three = Material("b", GAME, None, two.packed, guess=np.full((2, 8, 8), 255, np.uint8))
    three.guess[0] = wood
    data = textures(game_share=1.0)
    data.materials = [two, three]
    weights = data.class_weights()
    assert weights[KEPT.index("stone")] / weights[wood] == pytest.approx(3**0.5)


def test_a_teacher_is_measured_where_the_truth_is_known(textures):
    data = textures(game_share=1.0, teacher=Certain())
    held = data.validation_set.materials
    assert {m.domain for m in held if m.guess is not None} == {CLEAN, GAME}
    assert pseudo_report(held)["pseudo_precision"] < 0.5  # not everything is wood


def test_means_of_maps_count_known_maps_only(textures):
    data = textures()
    data.materials = data.materials[:2]
    first, second = data.materials
    first.truth, second.truth = ("height",), ("roughness",)
    means = data.map_means()
    heights, roughnesses = means[:, 3], means[:, 0]
    assert heights.unique().numel() == roughnesses.unique().numel() == 1
    assert heights[0] > 0.1
    assert (means[:, 1] == 0.5).all()  # nobody knows what is metallic


def test_whole_textures_that_have_fewer_pixels_than_the_network_sees_are_named(cache):
    clean = Synthetic(14, SIDE, CLEAN)
    sizes = {"batch_size": 4, "feed": 2 * SIDE, "cache": cache, "clean": clean}
    with pytest.warns(UserWarning, match=r"files are reduced to data.size=32"):
        Textures(size=SIDE, **sizes).setup("fit")
    with pytest.warns(UserWarning, match=r"their files are smaller, such as clean_\d+_\w+ with 32"):
        Textures(size=4 * SIDE, **sizes).setup("fit")


def test_phase_d_feeds_the_pixels_of_the_file(tmp_path):
    """At full scale, a texture of 2048 pixels with detail in every single one."""
    side = 2048
    detail = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    for name in ("wall", "floor"):
        Image.fromarray(detail).save(tmp_path / f"{name}.png", compress_level=0)
    config = configuration("+experiment=pbr/phase_d_alb", "scale=full")
    read = config["data"]
    sizes = {"size": config["recipe"]["size"], "feed": read["feed"], "crop": read["crop"]}
    game = GameFolder(tmp_path)
    data = Textures(1, cache=str(tmp_path / "cache"), game=game, game_share=1.0, **sizes)
    data.setup("fit")
    batch = default_collate([data.train_set[(0, 0)]])
    fed = data.on_after_batch_transfer(batch, 0)["diffuse"][0]
    assert fed.shape == (3, side, side)
    assert np.array_equal((255 * fed).round().byte().permute(1, 2, 0).numpy(), detail)
    assert not data.notes
