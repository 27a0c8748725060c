"""The first job of a phase, on networks of one layer."""

import torch
from torch import nn

from launch.experiments.pbr.layers import UNKNOWN
from launch.experiments.pbr.segmentation import Segmentation
from tests.pbr.networks import CLASSES, Pointwise, losses, textures


def segmentation():
    return Segmentation(losses(ce=nn.CrossEntropyLoss()), "A", Pointwise(CLASSES), None)


def test_a_teacher_is_heard_on_game_textures_alone():
    recipe = segmentation()
    for game in (0, 1):
        batch = textures(game=game)
        logits, pseudo, weights, confidence = recipe.loss_inputs(batch)["pseudo"]
        assert (pseudo == (2 if game else UNKNOWN)).all()
        assert weights is recipe.class_weights
        assert confidence.shape == pseudo.shape == logits.shape[:1] + logits.shape[2:]


def test_pixels_with_a_label_are_held_against_the_logits():
    batch = textures()
    recipe = segmentation()
    logits, classes, _ = recipe.loss_inputs(batch)["ce"]
    assert torch.equal(classes, batch["classes"])
    torch.testing.assert_close(logits, recipe.logits(batch))


def test_a_teacher_is_compared_where_it_is_sure_and_told_off_where_there_is_truth():
    recipe, batch = segmentation(), textures()
    batch["confidence"][0, :, 8:] = 0  # half of the first texture
    batch["classes"][0, 0] = 2  # in one row the teacher is right
    recipe.compare("sky", torch.full_like(batch["classes"], 2), batch)
    found = recipe.tally.means()
    assert found["teacher_agreement_sky"] == 1.0
    assert found["teacher_accuracy_sky"] == 1 / 8  # of the eight sure rows that have truth
    assert recipe.tally.sums["teacher_agreement_sky"][1] == 128 + 256


def test_the_weights_for_other_programs_are_those_of_the_network():
    recipe = segmentation()
    state = recipe.weights()
    assert state.keys() == {"layer.weight", "layer.bias"}
