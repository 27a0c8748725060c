"""What holds for every image loss, whatever it measures."""

import importlib
import socket
import subprocess
import sys
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from launch.losses import LOSSES

ARGUMENTS = {
    "launch.losses.vgg.VGG": {"weights": "random", "layer_weights": {"conv1_2": 1, "conv2_1": 1}},
    "launch.losses.convnext.ConvNeXt": {"weights": "random"},
    "launch.losses.lpips.LPIPS": {"weights": "random", "net": "squeeze"},
}
SIDES = {"launch.losses.structural.MSSSIM": 161}
WITHOUT_A_TARGET = "launch.losses.total_variation.TotalVariation"
AT_EQUALITY = {"launch.losses.pixel.Charbonnier": 1e-3}
GAN = "launch.losses.gan.GAN"
LDL = "launch.losses.ldl.LDL"
IMAGE_LOSSES = sorted(set(LOSSES.values()) - {GAN})


def named(path: str) -> type[nn.Module]:
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)


@cache
def built(path: str) -> nn.Module:
    return named(path)(**ARGUMENTS.get(path, {}))


MASKABLE = [path for path in IMAGE_LOSSES if getattr(named(path), "honours_masks", False)]


def images(path: str) -> tuple[Tensor, ...]:
    """A prediction with a graph, and whatever else the loss is computed from."""
    side = SIDES.get(path, 32)
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(1, 3, side, side, generator=generator)
    pred = (target + 0.1 * torch.randn(target.shape, generator=generator)).requires_grad_()
    return (pred, target, target) if path == LDL else (pred, target)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a loss tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_every_name_leads_to_a_loss():
    for path in LOSSES.values():
        assert issubclass(named(path), nn.Module)
    assert len(MASKABLE) == 6


def test_the_requirement_documents_names_are_known():
    for name in ("convnextperceptualloss", "ganloss", "ldlloss", "perceptual_loss", "l1loss"):
        assert name in LOSSES


def test_names_are_read_without_importing_torch():
    code = "import sys, launch.losses; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", IMAGE_LOSSES)
def test_gradient_reaches_the_prediction(path: str):
    inputs = images(path)
    value = built(path)(*inputs)
    value.backward()
    assert value.shape == ()
    assert value > 0
    assert inputs[0].grad.isfinite().all()
    assert inputs[0].grad.abs().sum() > 0


@pytest.mark.parametrize("path", IMAGE_LOSSES)
def test_a_perfect_prediction_costs_nothing_and_has_finite_gradients(path: str):
    _, target, *rest = images(path)
    if path == WITHOUT_A_TARGET:
        target = torch.full_like(target, 0.5)
    pred = target.clone().requires_grad_()
    value = built(path)(pred, target, *rest)
    value.backward()
    assert value.item() == pytest.approx(AT_EQUALITY.get(path, 0), abs=1e-6)
    assert pred.grad.isfinite().all()


@pytest.mark.parametrize("path", IMAGE_LOSSES)
def test_a_module_in_training_mode_gives_the_same_value(path: str):
    inputs = images(path)
    loss = built(path)
    assert torch.equal(loss.eval()(*inputs), loss.train()(*inputs))


@pytest.mark.parametrize("path", IMAGE_LOSSES)
def test_works_under_autocast(path: str):
    inputs = images(path)
    expected = built(path)(*inputs).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = built(path)(*inputs)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("path", MASKABLE)
def test_an_empty_mask_gives_zero_with_a_graph(path: str):
    pred, target = images(path)
    value = built(path)(pred, target, torch.zeros(1, 1, 32, 32))
    value.backward()
    assert value == 0
    assert torch.equal(pred.grad, torch.zeros_like(pred))


@pytest.mark.parametrize("path", MASKABLE)
def test_a_full_mask_changes_nothing(path: str):
    inputs = images(path)
    full = built(path)(*inputs, torch.ones(1, 1, 32, 32))
    assert torch.allclose(full, built(path)(*inputs), rtol=1e-5)


@pytest.mark.parametrize("path", MASKABLE)
def test_what_a_mask_excludes_gets_no_gradient(path: str):
    pred, target = images(path)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, :16] = 1
    built(path)(pred, target, mask).backward()
    outside = (mask == 0).expand_as(pred)
    assert pred.grad[outside].abs().max() == 0
    assert pred.grad[~outside].abs().max() > 0
