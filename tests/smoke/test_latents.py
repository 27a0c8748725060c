import torch
from torch import nn

from launch.experiments.smoke.latents import Latents


class Halves(nn.Module):
    """Every second pixel of the red channel, plus 3; counts how often it encodes."""

    latent_channels, factor = 1, 2

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.calls = 0

    def encode(self, frames):
        self.calls += 1
        return frames[:, :1, ::2, ::2] * self.scale + 3

    def decode(self, latent):
        return (latent - 3).repeat_interleave(2, -1).repeat_interleave(2, -2).expand(-1, 3, -1, -1)


def test_standardised_latents_decode_to_the_same_frames():
    latents, frames = Latents(Halves(), 1.0), torch.rand(2, 3, 1, 4, 4).repeat(1, 1, 3, 1, 1)
    raw = latents.encode(frames)
    assert not latents.measured
    latents.measure(raw)
    standard = latents.standardise(raw)
    assert abs(standard.mean()) < 1e-5 and abs(standard.std() - 1) < 0.05
    torch.testing.assert_close(latents.decode(standard)[..., ::2, ::2], frames[..., ::2, ::2])


def test_the_autoencoder_does_not_train():
    latents = Latents(Halves(), 1.0)
    assert not latents.autoencoder.training
    assert not any(p.requires_grad for p in latents.parameters())


def test_frames_are_encoded_once_while_memory_lasts():
    frames = (torch.rand(2, 3, 4, 4) * 255).byte()
    names = ["0 3", "0 3 mirrored"]
    for gigabytes, calls in ((1.0, 2), (0.0, 4)):
        latents = Latents(Halves(), gigabytes)
        first, second = (latents.encode_kept(frames, names) for _ in range(2))
        assert torch.equal(first, second) and latents.autoencoder.calls == calls
        torch.testing.assert_close(first, latents.encode(frames[None])[0])


def test_the_latent_of_black_is_that_of_an_image_without_light():
    latents = Latents(Halves(), 1.0)
    assert torch.equal(latents.black(4, 4), torch.full((1, 1, 2, 2), 3.0))


def test_statistics_are_kept_in_the_state():
    latents = Latents(Halves(), 1.0)
    latents.measure(torch.randn(2, 3, 1, 4, 4))
    other = Latents(Halves(), 1.0)
    other.load_state_dict(latents.state_dict())
    assert other.measured and torch.equal(other.mean, latents.mean)
