import pytest
import torch
from torch import Tensor, nn

from launch.experiments.sr.discriminators import UNetDiscriminator
from launch.losses.gan import GAN
from launch.losses.patch_discriminator import PatchDiscriminator


@pytest.mark.parametrize("size", [(16, 24), (17, 22), (8, 8)])
def test_unet_judges_every_pixel_of_any_size(size: tuple[int, int]):
    logits = UNetDiscriminator(channels=2)(torch.rand(2, 3, *size))
    assert logits.shape == (2, 1, *size)


@pytest.mark.parametrize("kind", [UNetDiscriminator, PatchDiscriminator])
def test_widths_follow_channels(kind: type[nn.Module]):
    small, large = (sum(p.numel() for p in kind(channels=c).parameters()) for c in (4, 8))
    assert 3.5 < large / small < 4.1


def test_default_unet_is_as_large_as_the_published_one():
    discriminator = UNetDiscriminator(normalise=False)
    assert sum(p.numel() for p in discriminator.parameters()) == 4_376_897


@pytest.mark.parametrize("kind", [UNetDiscriminator, PatchDiscriminator])
def test_spectral_norm_bounds_the_inner_layers(kind: type[nn.Module]):
    discriminator = kind(channels=4, normalise=True)
    for _ in range(50):
        discriminator(torch.rand(1, 3, 32, 32))
    inner = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d)][1:-1]
    normalised = [m for m in inner if hasattr(m, "parametrizations")]
    assert normalised
    for layer in normalised:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert largest.item() == pytest.approx(1, abs=0.05)
    assert not any(hasattr(m, "parametrizations") for m in kind(normalise=False).modules())


@pytest.mark.parametrize("kind", [UNetDiscriminator, PatchDiscriminator])
def test_images_of_a_batch_do_not_influence_each_other(kind: type[nn.Module]):
    discriminator = kind(channels=4).eval()
    images = torch.rand(3, 3, 32, 32)
    together, alone = discriminator(images)[1], discriminator(images[1:2])[0]
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("kind", [UNetDiscriminator, PatchDiscriminator])
@pytest.mark.parametrize("gan_type", ["vanilla", "r3gan"])
def test_learns_to_tell_smooth_from_noisy(kind: type[nn.Module], gan_type: str):
    torch.manual_seed(0)
    discriminator, gan = kind(channels=4), GAN(gan_type, gamma=0.01)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-3)
    for _ in range(30):
        smooth, noisy = torch.rand(4, 3, 1, 1).expand(4, 3, 32, 32), torch.rand(4, 3, 32, 32)
        loss = torch.stack(list(gan.discriminator(discriminator, smooth, noisy).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert gap(discriminator) > 0.2


def gap(discriminator: nn.Module) -> float:
    logits: list[Tensor] = [
        discriminator(torch.full((4, 3, 32, 32), 0.5)),
        discriminator(torch.rand(4, 3, 32, 32)),
    ]
    return (logits[0].mean() - logits[1].mean()).item()
