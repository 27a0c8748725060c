import torch
from torch import Tensor, nn

from launch.losses.precision import full_precision, widen


class Spy(nn.Module):
    """Returns the dtypes it was called with, and that of a matrix product."""

    @full_precision
    def forward(self, pred: Tensor, target: Tensor, mask: Tensor | None = None):
        return pred.dtype, target.dtype, (pred @ target).dtype, mask


def test_half_precision_inputs_become_float32():
    half = torch.eye(2, dtype=torch.bfloat16)
    assert Spy()(half, half) == (torch.float32, torch.float32, torch.float32, None)


def test_double_precision_is_kept():
    double = torch.eye(2, dtype=torch.float64)
    assert Spy()(double, double)[:3] == (torch.float64,) * 3


def test_autocast_is_off_inside():
    ones = torch.eye(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (ones @ ones).dtype == torch.bfloat16
        assert Spy()(ones, target=ones)[2] == torch.float32


def test_named_arguments_are_widened_and_others_left_alone():
    mask = torch.ones(2, 2, dtype=torch.float16)
    assert Spy()(torch.eye(2), torch.eye(2), mask=mask)[3].dtype == torch.float32
    assert widen("text") == "text"
    assert widen(torch.ones(1, dtype=torch.int64)).dtype == torch.int64
