"""The objective: what is computed when, what is logged, and what stops a run."""

import pytest
import torch
from torch import nn

from launch.errors import ConfigError, NonFiniteError
from launch.schedules import Constant, Exponential, LossWeight
from launch.train import objective
from launch.train.objective import Balance, ScheduledLosses, Term


class Distance(nn.Module):
    """|pred - target|, counting its calls."""

    calls = 0

    def forward(self, pred, target):
        self.calls += 1
        return (pred - target).abs().mean()


class Parts(nn.Module):
    """A loss that returns its components."""

    def forward(self, pred, target):
        return {"low": (pred - target).mean() * 0 + 1.0, "high": (pred - target).mean() * 0 + 2.0}


ONES, ZEROS = torch.ones(2, 3), torch.zeros(2, 3)


def losses(**weights):
    return ScheduledLosses({name: Term(Distance(), weight) for name, weight in weights.items()})


def test_the_total_is_the_weighted_sum():
    terms = losses(fine=Constant(0.5), coarse=Constant(2.0))
    total, values = terms(fine=(ONES, ZEROS), coarse=(3 * ONES, ZEROS))
    assert total.item() == 0.5 * 1 + 2.0 * 3
    assert {name: value.item() for name, value in values.items()} == {"fine": 1.0, "coarse": 3.0}


def test_a_term_at_weight_0_is_not_computed_and_its_inputs_are_not_made():
    terms = losses(pixel=Constant(1.0), gan=LossWeight(0.1, start_iter=10))
    made = []

    def inputs():
        made.append(terms.iteration)
        return ONES, ZEROS

    for terms.iteration in (9, 10, 11):
        terms(pixel=(ONES, ZEROS), gan=inputs)
    assert made == [10, 11]
    assert terms["gan"].calls == 2


def test_a_ramp_from_0_is_not_dropped():
    terms = losses(pixel=Constant(1.0), ramp=LossWeight(0.0, target_iter=10, target_weight=1.0))
    totals = []
    for terms.iteration in (0, 5, 10):
        totals.append(terms(pixel=(ONES, ZEROS), ramp=(ONES, ZEROS))[0].item())
    assert totals == [1.0, 1.5, 2.0]


def test_the_weight_is_applied_once():
    terms = objective.build({"pixel": {"type": "l1loss", "loss_weight": 0.12}})
    total, values = terms(pixel=(ONES, ZEROS))
    assert total.item() == pytest.approx(0.12)
    assert values["pixel"].item() == 1.0


def test_without_a_schedule_the_result_is_bit_identical_to_the_plain_product():
    pred, target = torch.rand(4, 5), torch.rand(4, 5)
    terms = objective.build({"pixel": {"type": "l1", "loss_weight": 0.3}})
    assert torch.equal(terms(pixel=(pred, target))[0], 0.3 * (pred - target).abs().mean())


def test_a_dict_of_components_shares_one_schedule():
    terms = ScheduledLosses({"both": Term(Parts(), Constant(0.5))})
    total, values = terms(both=(ONES, ZEROS))
    assert total.item() == 1.5
    assert {name: value.item() for name, value in values.items()} == {
        "both/low": 1.0,
        "both/high": 2.0,
    }


def test_weights_may_be_counted_in_epochs():
    terms = losses(pixel=Exponential(1.0, 0.5))
    terms.iteration, terms.epoch = 1000, 2
    assert terms.weights() == {"pixel": 0.25}


def test_a_nan_names_the_term_and_the_iteration():
    terms = losses(fine=Constant(1.0), coarse=Constant(1.0))
    terms.iteration = 7
    with pytest.raises(NonFiniteError, match=r"'coarse' was nan at iteration 7"):
        terms(fine=(ONES, ZEROS), coarse=(ONES * torch.nan, ZEROS))


def test_inputs_must_match_the_terms():
    terms = losses(pixel=Constant(1.0))
    with pytest.raises(ConfigError, match=r"missing \['pixel'\], not configured \['pixl'\]"):
        terms(pixl=(ONES, ZEROS))


def test_no_active_term_is_an_error():
    terms = losses(late=LossWeight(start_iter=5))
    with pytest.raises(ConfigError, match="no loss term is active at iteration 0"):
        terms(late=(ONES, ZEROS))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"type": "charbonier"}, r"losses.x: .*Did you mean 'charbonnier'"),
        ({"type": "l1", "loss_weight": -1}, r"losses.x: loss_weight must not be negative"),
        ({"type": "l1", "epsilon": 3}, r"losses.x: .*epsilon"),
    ],
)
def test_a_wrong_entry_names_the_loss(entry, words):
    with pytest.raises(ConfigError, match=words):
        objective.build({"x": entry})


class Doubling(Balance):
    """Twice the scheduled weights."""

    def forward(self, values, weights, iteration):
        self.weights = {name: 2 * weight for name, weight in weights.items()}
        return sum(self.weights[name] * value for name, value in values.items())


def test_a_balance_moves_the_weights_of_active_terms_and_is_logged():
    terms = ScheduledLosses(
        {"pixel": Term(Distance(), Constant(0.5)), "late": Term(Distance(), LossWeight(1.0, 9))}
    )
    terms.balance = Doubling()
    total, _ = terms(pixel=(ONES, ZEROS), late=(ONES, ZEROS))
    assert total.item() == pytest.approx(1.0)
    assert terms.weights() == {"pixel": 1.0, "late": 0.0}
