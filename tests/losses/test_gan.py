import math

import pytest
import torch
from torch import Tensor, nn

from launch.losses.gan import GAN, gradient_penalty

REAL = torch.tensor([[2.0], [0.5]])
FAKE = torch.tensor([[-1.0], [0.5]])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


class Linear(nn.Module):
    """D(x) = w . x, whose gradient is w wherever x is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 12).view(1, 3, 2, 2))

    def forward(self, image: Tensor) -> Tensor:
        return (self.weight * image).sum(dim=(1, 2, 3))


@pytest.mark.parametrize(
    ("gan_type", "value"),
    [
        ("vanilla", (softplus(1) + softplus(-0.5)) / 2),
        ("lsgan", (4 + 0.25) / 2),
        ("hinge", (1 - 0.5) / 2),
        ("r3gan", (softplus(3) + softplus(0)) / 2),
    ],
)
def test_generator(gan_type: str, value: float):
    gan = GAN(gan_type)
    assert gan(REAL, FAKE).item() == pytest.approx(value)
    assert gan.generator(REAL, FAKE) == gan(REAL, FAKE)


@pytest.mark.parametrize(
    ("gan_type", "value"),
    [
        ("vanilla", (softplus(-2) + softplus(-0.5) + softplus(-1) + softplus(0.5)) / 2),
        ("lsgan", (1 + 0.25 + 1 + 0.25) / 2),
        ("hinge", (0 + 0.5 + 0 + 1.5) / 2),
    ],
)
def test_discriminator(gan_type: str, value: float):
    terms = GAN(gan_type).discriminator(nn.Identity(), REAL, FAKE)
    assert terms.keys() == {"real", "fake"}
    assert sum(term.item() for term in terms.values()) == pytest.approx(value)


def test_r3gan_pairs_each_fake_with_its_real_image():
    terms = GAN("r3gan", gamma=0).discriminator(nn.Identity(), REAL, FAKE)
    assert terms.keys() == {"relativistic"}
    assert terms["relativistic"].item() == pytest.approx((softplus(-3) + softplus(0)) / 2)
    swapped = GAN("r3gan", gamma=0).discriminator(nn.Identity(), REAL, FAKE.flip(0))
    assert swapped["relativistic"].item() == pytest.approx((softplus(-1.5) + softplus(-1.5)) / 2)


def test_penalties_of_a_linear_discriminator_are_the_square_of_its_weight():
    discriminator, gamma = Linear(), 3.0
    terms = GAN("r3gan", gamma).discriminator(
        discriminator, torch.rand(5, 3, 2, 2), torch.rand(5, 3, 2, 2)
    )
    squared = discriminator.weight.detach().square().sum().item()
    assert terms["r1"].item() == pytest.approx(gamma / 2 * squared)
    assert terms["r2"].item() == pytest.approx(gamma / 2 * squared)


def test_penalties_train_the_discriminator():
    discriminator = Linear()
    terms = GAN("r3gan", gamma=1).discriminator(
        discriminator, torch.rand(4, 3, 2, 2), torch.rand(4, 3, 2, 2)
    )
    terms["r1"].backward()
    assert torch.allclose(discriminator.weight.grad, discriminator.weight)  # d |w|^2 / 2 = w


def test_penalty_of_a_map_of_logits_is_the_mean_over_patches():
    images = torch.rand(2, 1, 4, 4, requires_grad=True)
    patches = nn.functional.avg_pool2d(images, 2)  # 4 disjoint patches, gradient 1/4 in each pixel
    assert gradient_penalty(images, patches).item() == pytest.approx(4 * (1 / 4) ** 2)


def test_penalties_are_computed_in_float32_under_autocast():
    layer = nn.Conv2d(3, 1, 1)
    real, fake = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4).bfloat16()
    gan = GAN("r3gan")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = gan.discriminator(layer, real, fake)
    expected = gan.discriminator(layer, real, fake.float())
    assert {term.dtype for term in terms.values()} == {torch.float32}
    assert all(torch.allclose(terms[name], expected[name]) for name in expected)


@pytest.mark.parametrize("gan_type", ["vanilla", "lsgan", "hinge", "r3gan"])
def test_each_side_trains_only_itself(gan_type: str):
    gan, discriminator = GAN(gan_type), Linear()
    fake = torch.rand(2, 3, 2, 2, requires_grad=True)
    real = torch.rand(2, 3, 2, 2)
    sum(gan.discriminator(discriminator, real, fake).values()).backward()
    assert fake.grad is None
    assert discriminator.weight.grad is not None
    real_logits = discriminator(real)
    real_logits.retain_grad()
    gan(real_logits, discriminator(fake)).backward()
    assert fake.grad.abs().sum() > 0
    assert real_logits.grad is None


@pytest.mark.parametrize("gan_type", ["vanilla", "lsgan", "hinge", "r3gan"])
def test_real_logits_are_asked_for_only_when_needed(gan_type: str):
    gan = GAN(gan_type)
    if not gan.needs_real_logits:
        assert gan(None, FAKE).isfinite()
        return
    with pytest.raises(ValueError, match="real_logits must not be None"):
        gan(None, FAKE)


@pytest.mark.parametrize("gan_type", ["vanilla", "lsgan", "hinge", "r3gan"])
def test_a_good_fake_pleases_the_generator(gan_type: str):
    gan = GAN(gan_type)
    assert gan(torch.tensor([1.0]), torch.tensor([0.9])) < gan(
        torch.tensor([1.0]), torch.tensor([-0.9])
    )
