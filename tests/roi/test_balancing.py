"""Balances: what each equalises, on two toy losses of scale 1 and 100."""

import pytest
import torch
from launch.experiments.roi.balancing import (
    AreaController,
    DynamicWeightAverage,
    GradNorm,
    Magnitude,
    Uncertainty,
)
from torch import nn

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


def test_gradnorm_gives_terms_of_scale_1_and_100_equal_gradients():
    toy = Toy(GradNorm(list(SCALES), asymmetry=0.0, every=1))
    toy.run(1)
    before = toy.norms()
    assert before["large"] > 20 * before["small"]
    toy.run(300)
    after = toy.norms()
    assert after["large"] == pytest.approx(after["small"], rel=0.1)
    assert sum(map(float, toy.balance.weights.values())) == pytest.approx(2.0)


def test_gradnorm_starts_from_the_scheduled_weights():
    toy = Toy(GradNorm(list(SCALES), every=16))
    toy.balance.start([0, 1], toy.values(), {"small": 0.5, "large": 5e-4})
    assert toy.balance.weight.tolist() == pytest.approx([0.5, 5e-4])


def test_gradnorm_lowers_the_larger_gradient_first():
    """The other way round would be positive feedback."""
    toy = Toy(GradNorm(list(SCALES), every=1))
    toy.run(5)
    assert toy.balance.weights["large"] < 1 < toy.balance.weights["small"]


def test_gradnorm_keeps_the_floor_and_gives_the_total_a_gradient():
    toy = Toy(GradNorm(list(SCALES), every=1, dynamic_weight_min=0.5))
    total = toy.run(200)
    assert toy.balance.weights["large"].item() == pytest.approx(0.5)
    total.backward()
    assert toy.layer.weight.grad is not None
    assert not toy.balance.weight.requires_grad


def test_gradnorm_measures_only_every_n_iterations():
    toy = Toy(GradNorm(list(SCALES), every=16))
    toy.run(33)
    assert toy.balance.updates.item() == 3


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


def test_magnitude_makes_terms_equally_large():
    toy = Toy(Magnitude(list(SCALES)))
    toy.run(5)
    sizes = [float(toy.balance.weights[n] * v.detach()) for n, v in toy.values().items()]
    assert sizes == pytest.approx([1.0, 1.0], rel=1e-4)


def test_dynamic_weight_average_favours_the_term_that_falls_slowly():
    balance = DynamicWeightAverage(["fast", "slow"], window=5)
    for iteration in range(16):
        falling = torch.tensor(0.9**iteration)
        balance({"fast": falling, "slow": torch.tensor(1.0)}, {"fast": 1.0, "slow": 1.0}, iteration)
    assert balance.weights["slow"] > 1 > balance.weights["fast"]
    assert float(balance.weights["slow"] + balance.weights["fast"]) == pytest.approx(2.0)


def test_uncertainty_settles_at_one_over_the_loss():
    balance = Uncertainty(["a", "b"])
    optimizer = torch.optim.Adam(balance.parameters(), 0.1)
    for iteration in range(200):
        values = {"a": torch.tensor(0.5), "b": torch.tensor(4.0)}
        optimizer.zero_grad()
        balance(values, {"a": 1.0, "b": 1.0}, iteration).backward()
        optimizer.step()
    assert float(balance.weights["a"]) == pytest.approx(2.0, rel=0.02)
    assert float(balance.weights["b"]) == pytest.approx(0.25, rel=0.02)


def test_area_controller_raises_its_weight_until_the_limit_holds():
    balance = AreaController(["volume"], limit=1e-4)
    history = []
    for value in [0.01] * 50 + [1e-5] * 20:
        balance({"volume": torch.tensor(value)}, {"volume": 5.0}, 0)
        history.append(float(balance.weights["volume"]))
    assert history[49] == pytest.approx(5 * 1.01005**50, rel=1e-2)
    assert history[69] < history[49]
