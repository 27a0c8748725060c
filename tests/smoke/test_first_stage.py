import pytest
import torch

from launch.errors import ConfigError
from launch.experiments.smoke.autoencoder import VQAutoencoder
from launch.experiments.smoke.first_stage import AutoencoderTraining
from launch.losses.patch_discriminator import PatchDiscriminator
from launch.train import objective

TERMS = {
    "reconstruction": {"type": "mse"},
    "commitment": {"type": "mse", "loss_weight": 0.25},
    "gan": {"type": "gan", "gan_type": "hinge", "loss_weight": 1.0, "start_iter": 10},
}


def adam(parameters):
    return torch.optim.Adam(parameters)


def training(terms=("reconstruction", "commitment"), **settings) -> AutoencoderTraining:
    torch.manual_seed(0)
    losses = objective.build({name: TERMS[name] for name in terms})
    autoencoder = VQAutoencoder(channels=8, halvings=1, latent_channels=2, codes=4)
    return AutoencoderTraining(losses=losses, autoencoder=autoencoder, optimizer=adam, **settings)


def test_terms_get_what_they_compare():
    module, frames = training(), torch.rand(2, 3, 8, 8)
    out = module.autoencoder(frames)
    assert module.loss_inputs("commitment", out, frames) == (out["latent"], out["codes"])
    assert module.loss_inputs("reconstruction", out, frames) == (out["reconstruction"], frames)
    out["codes"].sum()
    assert not out["codes"].requires_grad, "codes follow by averaging, not by gradient"


def test_the_discriminator_trains_from_its_warm_up_on():
    module = training(
        TERMS, discriminator=PatchDiscriminator(4), discriminator_optimizer=adam, warmup_iters=3
    )
    for iteration, trains in ((0, False), (6, False), (7, True), (10, True), (500, True)):
        module.losses.iteration = iteration
        assert module.games_of("gan") == (["gan"] if trains else [])


def test_a_gan_without_a_discriminator_is_an_error():
    with pytest.raises(ConfigError, match=r"losses\.gan is a GAN"):
        training(TERMS)


def test_validation_reports_the_reconstruction_and_the_use_of_the_codes():
    module = training().eval()
    module.autoencoder.codebook.vectors.normal_()
    module.on_validation_epoch_start()
    module.validation_step({"frames": (torch.rand(4, 1, 3, 8, 8) * 255).byte()}, 0)
    module.on_validation_epoch_end()
    assert module.metrics["reconstruction_psnr"] > 0
    assert 0 < module.metrics["codebook_use"] <= 1
    assert module.image_panel()[0].shape == (8, 32, 3)


def test_few_used_codes_are_a_warning():
    module = training()
    module.metrics = {
        "reconstruction_psnr": 20.0,
        "constant_psnr": 10.0,
        "codebook_use": 0.01,
    }
    assert "only 1% of the codes" in module.health()[0]


def test_a_reconstruction_no_better_than_one_colour_is_a_warning():
    module = training()
    module.metrics = {"reconstruction_psnr": 10.5, "constant_psnr": 10.0, "codebook_use": 0.5}
    assert "the autoencoder has collapsed" in module.health()[0]
    module.metrics["reconstruction_psnr"] = 12.0
    assert module.health() == []


def test_before_the_first_validation_there_is_nothing_to_warn_about():
    assert training().health() == []
