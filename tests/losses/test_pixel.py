import math

import pytest
import torch

from launch.losses.pixel import L1, MSE, Charbonnier

PRED = torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]]])
TARGET = torch.tensor([[[[0.0, 0.0], [0.0, 0.25]]]])
RIGHT = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])


@pytest.mark.parametrize(
    ("loss", "value", "masked"),
    [
        (L1(), (0.5 + 1) / 4, 0.5 / 2),
        (MSE(), (0.25 + 1) / 4, 0.25 / 2),
        (
            Charbonnier(eps=0.1),
            (0.1 + math.sqrt(0.26) + math.sqrt(1.01) + 0.1) / 4,
            (math.sqrt(0.26) + 0.1) / 2,
        ),
    ],
)
def test_closed_form(loss: torch.nn.Module, value: float, masked: float):
    assert loss(PRED, TARGET).item() == pytest.approx(value)
    assert loss(PRED, TARGET, RIGHT).item() == pytest.approx(masked)


def test_charbonnier_is_smooth_where_l1_has_its_tip():
    pred = torch.zeros(1, 1, 1, 1, requires_grad=True)
    value = Charbonnier(eps=1e-3)(pred, torch.zeros(1, 1, 1, 1))
    value.backward()
    assert value.item() == pytest.approx(1e-3)
    assert pred.grad.item() == 0


def test_charbonnier_approaches_l1():
    assert torch.allclose(Charbonnier(eps=1e-6)(PRED, TARGET), L1()(PRED, TARGET))
