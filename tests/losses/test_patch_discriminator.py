"""A patch discriminator sees what its paper says, and judges each image alone."""

import pytest
import torch
from torch import nn

from launch.losses.patch_discriminator import PatchDiscriminator


def receptive_field(discriminator: nn.Module, size: int) -> tuple[int, int]:
    """Height and width of the input that the logit nearest to the centre depends on."""
    image = torch.zeros(1, 3, size, size, requires_grad=True)
    logits = discriminator(image + torch.randn(1, 3, size, size))
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    assert image.grad is not None
    rows, columns = image.grad[0].abs().sum(0).nonzero(as_tuple=True)
    return int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)


@pytest.mark.parametrize(("halvings", "field", "logits"), [(1, 16, 30), (2, 34, 14), (3, 70, 14)])
def test_patch_discriminator_sees_what_the_paper_says(halvings: int, field: int, logits: int):
    discriminator = PatchDiscriminator(channels=2, halvings=halvings)
    size = 128 if halvings == 3 else 64
    assert receptive_field(discriminator, size) == (field, field)
    assert discriminator(torch.rand(1, 3, size, size)).shape == (1, 1, logits, logits)


def test_without_spectral_norm_its_inner_layers_have_a_bias():
    layers = [m for m in PatchDiscriminator(4, 1, normalise=False).modules() if hasattr(m, "bias")]
    assert [layer.bias is not None for layer in layers] == [True, True, True]
    assert [layer.stride for layer in layers] == [(2, 2), (1, 1), (1, 1)]
