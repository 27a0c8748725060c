"""Classes of game textures: said once, and measured."""

import pytest

from launch.experiments.pbr.layers import GAME, Material, pack
from launch.experiments.pbr.synthetic import material
from launch.experiments.pbr.teacher import guess, pseudo_report
from tests.pbr.networks import Certain

SIDE = 32


def test_a_teacher_labels_game_textures_once():
    packed = [pack(material(0, "wood", GAME, side)) for side in (SIDE, 2 * SIDE, SIDE, SIDE)]
    textures = [Material("a", GAME, None, planes) for planes in packed]
    guess(Certain(), textures, at_once=2)
    assert all(texture.guess.shape[1:] == texture.size for texture in textures)
    report = pseudo_report(textures)
    assert report["pseudo_share"] == pytest.approx(0.5, abs=0.05)
    assert report["pseudo_precision"] == 1.0
