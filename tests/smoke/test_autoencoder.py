import pytest
import torch

from launch.errors import ConfigError
from launch.experiments.smoke.autoencoder import Codebook, VQAutoencoder


def small() -> VQAutoencoder:
    torch.manual_seed(0)
    return VQAutoencoder(channels=8, halvings=2, latent_channels=4, codes=16)


def test_latents_are_a_grid_and_frames_come_back_in_their_size():
    autoencoder = small()
    latent = autoencoder.encode(torch.rand(2, 3, 16, 24))
    assert latent.shape == (2, 4, 4, 6)
    assert autoencoder.decode(latent).shape == (2, 3, 16, 24)


def test_black_has_one_latent_wherever_it_is():
    latent = small().encode(torch.zeros(1, 3, 32, 32))
    torch.testing.assert_close(latent, latent[:, :, :1, :1].expand_as(latent))


def test_smoke_far_away_does_not_change_the_latent_of_black():
    frames = torch.zeros(2, 3, 64, 64)
    frames[1, :, :8, :8] = 1
    alone, beside = small().encode(frames)
    torch.testing.assert_close(alone[:, -4:, -4:], beside[:, -4:, -4:])
    assert (alone[:, :2, :2] - beside[:, :2, :2]).abs().max() > 1e-3


def test_decoding_quantises():
    autoencoder = small().eval()
    autoencoder.codebook.vectors.normal_()
    latent = torch.randn(1, 4, 2, 2)
    codes = autoencoder.codebook(latent)
    rows = {tuple(row.tolist()) for row in codes[0].flatten(1).T}
    assert rows <= {tuple(row.tolist()) for row in autoencoder.codebook.vectors}
    torch.testing.assert_close(autoencoder.decode(latent), autoencoder.decode(codes))


def test_gradients_pass_the_codebook_straight():
    autoencoder = small()
    autoencoder(torch.rand(2, 3, 16, 16))["reconstruction"].mean().backward()
    assert all(p.grad is not None for p in autoencoder.parameters())
    assert autoencoder.encoder[0].weight.grad.abs().sum() > 0


def test_codes_move_to_the_means_of_what_is_nearest():
    torch.manual_seed(0)
    codebook = Codebook(codes=2, channels=2, decay=0.9).train()
    centres = torch.tensor([[0.0, 0.0], [4.0, 4.0]])
    for _ in range(60):
        points = centres.repeat(32, 1) + 0.1 * torch.randn(64, 2)
        codebook(points.T.view(1, 2, 8, 8))
    found = codebook.vectors[codebook.vectors[:, 0].argsort()]
    torch.testing.assert_close(found, centres, atol=0.1, rtol=0)


def test_a_code_that_nothing_uses_starts_again_among_the_latents():
    torch.manual_seed(0)
    codebook = Codebook(codes=4, channels=2, decay=0.5).train()
    codebook.uses.fill_(1.0)
    codebook.vectors.fill_(100.0)
    for _ in range(12):
        codebook(torch.randn(1, 2, 8, 8))
    assert codebook.vectors.abs().max() < 5


def test_in_evaluation_the_codebook_stands_still():
    codebook = Codebook(codes=4, channels=2).eval()
    codebook(torch.randn(1, 2, 8, 8))
    assert not codebook.vectors.any()


def test_an_autoencoder_of_another_program_is_told_its_place():
    with pytest.raises(ConfigError, match=r"module\.autoencoder=FILE"):
        VQAutoencoder().foreign({"first_stage_model.decoder.conv_in.weight": torch.ones(1)})
    assert VQAutoencoder().foreign({"something": torch.ones(1)}) == {}
