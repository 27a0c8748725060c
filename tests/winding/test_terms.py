"""The table of terms says what the classes say."""

import pytest

from launch.experiments.winding import losses
from launch.experiments.winding.terms import TERMS


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_a_term_names_a_loss_and_knows_whether_masks_gate_it(term):
    assert getattr(losses, term.loss).honours_masks is term.honours_masks


def test_a_fit_without_weights_follows_directions():
    assert {name for name, term in TERMS.items() if term.weight} == {"dir_v", "dir_conn"}
