"""Balances: what each equalises, on two toy losses of scale 1 and 100."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from launch.experiments.roi.balancing import (
    GradNorm,
)

SCALES = {"small": 1.0, "large": 100.0}


class Toy:
    """A shared layer and two regression losses whose gradients differ by their scales."""

    def __init__(self, balance):
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 1)
        self.balance = balance
        self.balance.anchors = lambda name: [self.layer.weight]
        self.inputs = {name: torch.randn(16, 4) for name in SCALES}

    def values(self):
        return {
            name: scale * (self.layer(self.inputs[name]) - 1).abs().mean()
            for name, scale in SCALES.items()
        }

    def run(self, iterations, weights=None):
        for iteration in range(iterations):
            total = self.balance(self.values(), weights or dict.fromkeys(SCALES, 1.0), iteration)
        return total

    def norms(self):
        """Norm of each weighted term's gradient at the anchor."""
        found = {}
        for name, value in self.values().items():
            (slope,) = torch.autograd.grad(value, self.layer.weight)
            found[name] = float(self.balance.weights[name]) * slope.norm().item()
        return found


class Slopes:
    """Terms whose gradients at the anchor have the given norms, for ever: the optimum is known."""

    def __init__(self, balance, slopes):
        self.anchor = nn.Parameter(torch.zeros(()))
        self.slopes = slopes
        self.balance = balance
        self.balance.anchors = lambda name: [self.anchor]

    def run(self, iterations, weights, micro_batches=1):
        """The weights in force at each iteration."""
        history = []
        for iteration in range(iterations):
            for _ in range(micro_batches):
                values = {name: 1 + slope * self.anchor for name, slope in self.slopes.items()}
                self.balance(values, weights, iteration)
                history.append({k: float(v) for k, v in self.balance.weights.items()})
        return history


WIDE = {"dynamic_weight_min": 1e-9, "dynamic_weight_max": 1e9}


@pytest.mark.parametrize("imbalance", [100.0, 10_000.0])
def test_gradnorm_reaches_the_exact_optimum_within_a_tenth_of_a_demo_run(imbalance):
    """Equal norms with a sum of 2: w = 2 s'/(s + s') for slopes s and s'."""
    toy = Slopes(GradNorm(["small", "large"], **WIDE), {"small": 1.0, "large": imbalance})
    last = toy.run(150, {"small": 1.0, "large": 1.0})[-1]
    assert last["large"] == pytest.approx(2 / (1 + imbalance), rel=0.03)
    assert last["small"] == pytest.approx(2 * imbalance / (1 + imbalance), rel=0.03)


def test_gradnorm_starts_from_the_scheduled_weights_and_keeps_their_sum():
    weights = {"full": 1.0, "consist": 1.0, "drop": 0.5, "volume": 5.0}
    balance = GradNorm(["full", "consist", "drop"], **WIDE)
    toy = Slopes(balance, {"full": 1.0, "consist": 3.0, "drop": 0.2, "volume": 1.0})
    history = toy.run(200, weights)
    assert history[0] == history[15] == pytest.approx(weights)
    assert all(w["full"] + w["consist"] + w["drop"] == pytest.approx(2.5) for w in history)
    assert all(w["volume"] == 5.0 for w in history)


def test_gradnorm_gives_a_late_term_its_scheduled_weight_first():
    toy = Slopes(GradNorm(["small", "large"], **WIDE), {"small": 1.0, "large": 50.0})
    toy.run(64, {"small": 1.0, "large": 1.0})
    balance = GradNorm(["small", "large", "late"], **WIDE)
    late = Slopes(balance, {"small": 1.0, "large": 50.0})
    late.run(64, {"small": 1.0, "large": 1.0})
    late.slopes["late"] = 5.0
    first, *_, last = late.run(150, {"small": 1.0, "large": 1.0, "late": 0.25})
    assert first["late"] == pytest.approx(0.25)
    assert first["small"] + first["large"] == pytest.approx(2.0)
    norms = [last[name] * slope for name, slope in late.slopes.items()]
    assert norms == pytest.approx([norms[0]] * 3, rel=0.03)


def test_gradnorm_moves_once_in_an_update_of_several_micro_batches():
    slopes = {"small": 1.0, "large": 100.0}
    one, four = (Slopes(GradNorm(list(slopes), **WIDE), slopes) for _ in range(2))
    alone = one.run(40, dict.fromkeys(slopes, 1.0))
    accumulated = four.run(40, dict.fromkeys(slopes, 1.0), micro_batches=4)
    assert accumulated[::4] == accumulated[3::4] == alone


def test_gradnorm_leaves_a_term_alone_that_reaches_no_anchor():
    toy = Slopes(GradNorm(["small", "large", "silent"], **WIDE), {"small": 1.0, "large": 9.0})
    toy.slopes["silent"] = 0.0
    last = toy.run(150, dict.fromkeys(toy.slopes, 1.0))[-1]
    assert 9 * last["large"] == pytest.approx(last["small"], rel=0.03)
    assert 0.3 < last["silent"] < 3


def test_gradnorm_favours_the_term_that_trains_slowly():
    """w_i |grad L_i| ~ r_i^asymmetry, where r is .5 and 1 over their mean."""
    balance = GradNorm(["fast", "slow"], asymmetry=1.0, **WIDE)
    anchor = nn.Parameter(torch.zeros(()))
    balance.anchors = lambda name: [anchor]
    for iteration in range(200):
        falling = 0.5 if iteration else 1.0
        balance(
            {"fast": falling + anchor, "slow": 1 + anchor}, {"fast": 1.0, "slow": 1.0}, iteration
        )
    assert float(balance.weights["slow"] / balance.weights["fast"]) == pytest.approx(2, rel=0.01)


def test_gradnorm_equalises_the_gradients_of_a_shared_layer():
    toy = Toy(GradNorm(list(SCALES), asymmetry=0.0))
    toy.run(1)
    before = toy.norms()
    assert before["large"] > 20 * before["small"]
    toy.run(150)
    after = toy.norms()
    assert after["large"] == pytest.approx(after["small"], rel=0.1)


def test_gradnorm_keeps_the_floor_and_gives_the_total_a_gradient():
    toy = Toy(GradNorm(list(SCALES), every=1, dynamic_weight_min=0.5))
    total = toy.run(200)
    assert toy.balance.weights["large"].item() == pytest.approx(0.5)
    total.backward()
    assert toy.layer.weight.grad is not None
    assert not toy.balance.weight.requires_grad


def tanh_regression(balance, iterations):
    """The toy of the paper: y_i = s_i tanh((B + E_i) x); returns the loss over s_i^2, summed.

    Chen et al., section 4: B ~ N(0, 10), E_i ~ N(0, 3.5), 250 inputs, 100 outputs, four layers of
    100 ReLUs and a head a task, s = 1 and 100.
    """
    torch.manual_seed(0)
    scales = {"small": 1.0, "large": 100.0}
    common = 10**0.5 * torch.randn(100, 250)
    matrices = {name: common + 3.5**0.5 * torch.randn(100, 250) for name in scales}
    widths = [250, 100, 100, 100, 100]
    layers = [m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU())]
    trunk = nn.Sequential(*layers)
    heads = nn.ModuleDict({name: nn.Linear(100, 100) for name in scales})
    if balance is not None:
        balance.anchors = lambda name: [layers[-2].weight]
    optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], 1e-3)
    history = []
    for iteration in range(iterations):
        x = torch.randn(64, 250) / 250**0.5
        features = trunk(x)
        values = {
            name: (heads[name](features) - s * torch.tanh(x @ matrices[name].T)).square().mean()
            for name, s in scales.items()
        }
        weights = dict.fromkeys(scales, 1.0)
        total = sum(values.values()) if balance is None else balance(values, weights, iteration)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(sum(v.item() / scales[name] ** 2 for name, v in values.items()))
    return sum(history[-50:]) / 50


@pytest.mark.slow
def test_gradnorm_beats_equal_weights_in_the_regression_of_its_paper():
    equal = tanh_regression(None, 2000)
    balanced = tanh_regression(GradNorm(["small", "large"], **WIDE), 2000)
    assert balanced < equal


def test_gradnorm_goes_on_after_a_resume():
    unbroken, broken = (Toy(GradNorm(list(SCALES), every=1)) for _ in range(2))
    unbroken.run(20)
    broken.run(10)
    resumed = Toy(GradNorm(list(SCALES), every=1))
    resumed.balance.load_state_dict(broken.balance.state_dict())
    resumed.run(10)
    torch.testing.assert_close(resumed.balance.weight, unbroken.balance.weight)


def test_terms_that_are_not_balanced_keep_their_schedule():
    balance = GradNorm(["small"], every=1)
    toy = Toy(balance)
    toy.run(3, {"small": 1.0, "large": 0.25})
    assert balance.weights["large"] == 0.25
