"""Classes of game textures: said once, and measured."""

import pytest

from launch.experiments.pbr.layers import GAME, Material, pack
from launch.experiments.pbr.synthetic import material
from launch.experiments.pbr.teacher import guess, pseudo_report
from tests.pbr.networks import Certain

SIDE = 32


def test_a_teacher_labels_game_textures_once():
    packed = pack(material(0, "wood", GAME, SIDE))
    texture = Material("a", GAME, None, packed)
    guess(Certain(), [texture])
    report = pseudo_report([texture])
    assert report["pseudo_share"] == pytest.approx(0.5, abs=0.05)
    assert report["pseudo_precision"] == 1.0
