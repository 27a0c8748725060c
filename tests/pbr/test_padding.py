"""What convolutions see beyond the border: on the torus there is none."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from launch.errors import ConfigError
from launch.experiments.pbr.models import AlbedoUNet, MapsUNet
from launch.experiments.pbr.padding import Torus, pad


@pytest.mark.parametrize("width", [1, 3])
def test_the_border_and_its_gradient_are_those_of_circular_padding(width):
    image = torch.rand(2, 3, 7, 6, dtype=torch.double, requires_grad=True)
    padded = Torus.apply(image, width)
    assert torch.equal(padded, F.pad(image, [width] * 4, mode="circular"))
    assert torch.autograd.gradcheck(lambda x: Torus.apply(x, width), image)


def test_channels_that_are_last_stay_last():
    image = torch.rand(2, 3, 7, 6).to(memory_format=torch.channels_last).requires_grad_()
    padded = Torus.apply(image, 1)
    for found in (padded, *torch.autograd.grad(padded.square().sum(), image)):
        assert found.is_contiguous(memory_format=torch.channels_last)


def test_a_convolution_on_the_torus_commutes_with_shifts():
    convolution = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1))
    pad(convolution, "circular")
    image = torch.rand(1, 1, 8, 8)
    shifted = copy.deepcopy(convolution)(image.roll((3, 5), (-2, -1)))
    torch.testing.assert_close(shifted, convolution(image).roll((3, 5), (-2, -1)))


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
def test_other_paddings_see_a_constant_go_on(padding):
    convolution = nn.Conv2d(1, 1, 3, padding=1)
    nn.init.constant_(convolution.weight, 1 / 9)
    pad(convolution, padding)
    assert float(convolution(torch.ones(1, 1, 4, 4)).std()) == pytest.approx(0, abs=1e-6)


def test_mirroring_says_how_many_pixels_it_takes():
    network = AlbedoUNet("tu-test_resnet", padding="reflect").eval()
    assert network(torch.rand(1, 6, 64, 64)).shape == (1, 3, 64, 64)
    with pytest.raises(ConfigError, match=r"at least 33 pixels .* got 64 x 32; raise data\.feed"):
        network(torch.rand(1, 6, 64, 32))


def test_maps_of_a_flat_texture_have_no_frame():
    """With zeros a network draws one before it has learnt anything."""
    flat = torch.cat([torch.full((1, 3, 64, 64), 0.5), torch.zeros(1, 3, 64, 64)], dim=1)
    flat[:, 5] = 1
    spread = {}
    for padding in ("zeros", "circular"):
        torch.manual_seed(0)
        network = MapsUNet("tu-test_resnet", padding=padding).eval()
        for parameter in network.heads.parameters():  # they start from zero
            torch.nn.init.normal_(parameter)
        with torch.no_grad():
            height = network(flat)["height"]
        spread[padding] = float(height.max() - height.min())
    assert spread["circular"] < 0.05 * spread["zeros"]
