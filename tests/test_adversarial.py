"""Generator and discriminator: who is run and stepped when."""

import pytest
import torch
from torch import nn

from launch.errors import ConfigError
from launch.train import objective
from launch.train.adversarial import AdversarialModule

GAN = {"type": "gan", "loss_weight": 0.0, "start_iter": 10, "target_weight": 0.1}
LOSSES = {"pixel": {"type": "l1"}, "gan": GAN | {"schedule_type": "step", "disable_after": 20}}


class Counting(nn.Module):
    """A discriminator that counts its calls."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls = nn.Conv2d(1, 1, 3), 0

    def forward(self, image):
        self.calls += 1
        return self.inner(image)


class Copy(AdversarialModule):
    """A generator that is to copy its input."""

    def __init__(self, losses, discriminator, warmup_iters=0):
        super().__init__(losses, adam, None, discriminator, adam, warmup_iters)
        self.network = nn.Conv2d(1, 1, 1)

    def terms(self, iteration):
        """The total at an iteration."""
        self.losses.iteration = iteration
        real = torch.rand(2, 1, 8, 8)
        fake = self.network(real)
        gan = self.losses["gan"]
        return self.losses(pixel=(fake, real), gan=lambda: self.game(gan, fake, real))[0]


def adam(parameters):
    return torch.optim.Adam(parameters)


@pytest.mark.parametrize(
    ("iteration", "warmup", "trains", "calls"),
    [
        (0, 0, False, 0),
        (9, 0, False, 0),
        (10, 0, True, 1),
        (19, 0, True, 1),
        (20, 0, False, 0),  # after disable_after it is neither run nor stepped
        (4, 5, False, 0),
        (5, 5, True, 0),  # warm-up: it trains, and the generator does not hear of it yet
    ],
)
def test_the_discriminator_has_a_part_while_its_weight_is_not_0_and_in_its_warm_up(
    iteration, warmup, trains, calls
):
    module = Copy(objective.build(LOSSES), Counting(), warmup)
    module.terms(iteration)
    assert module.discriminator.calls == calls
    assert module.discriminator_trains() == trains


def test_the_schedule_scales_the_side_of_the_generator_only():
    module = Copy(objective.build(LOSSES | {"gan": GAN | {"target_iter": 20}}), Counting())
    real, fake, losses = torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8), []
    module.manual_backward = lambda loss: losses.append(loss.item())
    for module.losses.iteration in (11, 20):
        module.train_discriminator(real, fake)
    assert losses[0] == losses[1]


def test_the_generators_side_leaves_no_gradient_in_the_discriminator():
    module = Copy(objective.build(LOSSES), Counting())
    module.terms(10).backward()
    assert all(p.grad is None for p in module.discriminator.parameters())
    assert all(p.grad is not None for p in module.network.parameters())


def test_each_optimizer_has_the_parameters_of_its_player():
    module = Copy(objective.build(LOSSES), Counting())
    (main, other), _ = module.configure_optimizers()
    assert main.param_groups[0]["params"] == list(module.network.parameters())
    assert other.param_groups[0]["params"] == list(module.discriminator.parameters())


def test_a_gan_without_a_discriminator_is_an_error():
    with pytest.raises(ConfigError, match=r"losses.gan is a GAN: set module.discriminator"):
        Copy(objective.build(LOSSES), None)
