"""What `rung:NAME` and `experiment:NAME` mean, where a configuration names them."""

import pytest

from launch.record.references import meant, owner, references, with_checkpoints

CONFIG = {
    "network": {"weights": "experiment:toy/a", "depth": 3},
    "list": ["rung:first", "plain"],
    "metric": {"weights": None},
}


def test_references_are_found_anywhere_in_their_order():
    assert list(references(CONFIG)) == ["experiment:toy/a", "rung:first"]


def test_checkpoints_take_their_place_and_null_where_there_is_none():
    found = with_checkpoints(CONFIG, {"experiment:toy/a": "a.ckpt", "rung:first": None})
    assert found == {
        "network": {"weights": "a.ckpt", "depth": 3},
        "list": [None, "plain"],
        "metric": {"weights": None},
    }


@pytest.mark.parametrize(
    ("reference", "name", "training"),
    [
        ("rung:albedo", "pbr/phase_b/maps", "pbr/phase_b/albedo"),
        ("rung:a", "toy/two", "toy/two/a"),
        ("experiment:pbr/phase_a/albedo", "pbr/phase_b/maps", "pbr/phase_a/albedo"),
        ("experiment:smoke/autoencoder", "smoke/weighted", "smoke/autoencoder"),
    ],
)
def test_a_rung_belongs_to_the_experiment_that_names_it(reference, name, training):
    assert meant(reference, name) == training


def test_the_third_part_of_a_name_is_a_rung():
    assert owner("pbr/phase_a/albedo") == owner("pbr/phase_a") == "pbr/phase_a"
