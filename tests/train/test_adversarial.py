"""Generator and discriminator: who is run and stepped when."""

import copy
import warnings

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from launch.errors import ConfigError
from launch.losses.gan import GAN
from launch.train import objective
from launch.train.adversarial import AdversarialModule, owners
from launch.train.callbacks.loss_schedule import LossSchedule

GAN_ENTRY = {"type": "gan", "loss_weight": 0.0, "start_iter": 10, "target_weight": 0.1}
LOSSES = {
    "pixel": {"type": "l1"},
    "gan": GAN_ENTRY | {"schedule_type": "step", "disable_after": 20},
}


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

    def __init__(self, losses, discriminator, warmup_iters=0, lr_scheduler=None):
        super().__init__(
            losses, adam, lr_scheduler, discriminator, adam, lr_scheduler, warmup_iters
        )
        self.network = nn.Conv2d(1, 1, 1)

    def terms(self, iteration):
        """The total at an iteration."""
        self.losses.iteration = iteration
        real = torch.rand(2, 1, 8, 8)
        fake = self.network(real)
        games = {n: lambda n=n: self.game(n, fake, real) for n in self.owners}
        return self.losses(pixel=(fake, real), **games)[0]

    def training_step(self, batch, batch_idx):
        fake = self.network(batch)
        games = {n: lambda n=n: self.game(n, fake, batch) for n in self.owners}
        total, _ = self.losses(pixel=(fake, batch), **games)
        self.play(total, real=batch, fake=fake)


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
    assert module.discriminators["gan"].calls == calls
    assert bool(module.games_of("gan")) == trains


def test_the_schedule_scales_the_side_of_the_generator_only():
    module = Copy(objective.build(LOSSES | {"gan": GAN_ENTRY | {"target_iter": 20}}), Counting())
    real, fake, losses = torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8), []
    module.add_gradients = lambda loss, player: losses.append(loss.item())
    for module.losses.iteration in (11, 20):
        module.train_discriminator("gan", real, fake)
    assert losses[0] == losses[1]


def test_the_generators_side_leaves_no_gradient_in_the_discriminator():
    module = Copy(objective.build(LOSSES), Counting())
    module.terms(10).backward()
    assert all(p.grad is None for p in module.discriminators["gan"].parameters())
    assert all(p.grad is not None for p in module.network.parameters())


def test_a_warm_up_that_the_game_cuts_short_is_told():
    with pytest.warns(UserWarning, match=r"warmup_iters=15, but losses\.gan .* iteration 10 on"):
        Copy(objective.build(LOSSES), Counting(), warmup_iters=15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Copy(objective.build(LOSSES), Counting(), warmup_iters=10)


def test_each_optimizer_has_the_parameters_of_its_player():
    module = Copy(objective.build(LOSSES), Counting())
    (main, other), _ = module.configure_optimizers()
    assert main.param_groups[0]["params"] == list(module.network.parameters())
    assert other.param_groups[0]["params"] == list(module.discriminators["gan"].parameters())


def test_a_gan_without_a_discriminator_is_an_error():
    with pytest.raises(ConfigError, match=r"losses.gan is a GAN: set module.discriminator"):
        Copy(objective.build(LOSSES), None)


# Two games on one timeline, against loops by hand

BATCHES = torch.rand(6, 2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
CLIP = 0.01
EARLY = {"type": "gan", "gan_type": "hinge", "loss_weight": 0.1, "disable_after": 3}
LATE = {"type": "gan", "gan_type": "r3gan", "loss_weight": 0.2, "start_iter": 3}


def halving(optimizer):
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)


def trained(losses):
    """A module after six updates by Lightning, and the networks it began with."""
    torch.manual_seed(0)
    module = Copy(objective.build(losses), nn.Conv2d(1, 1, 3), lr_scheduler=halving)
    module.gradient_clip = CLIP
    start = copy.deepcopy((module.network, module.discriminators))
    settings = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, callbacks=[LossSchedule()], enable_model_summary=False,
        **settings,
    )  # fmt: skip
    trainer.fit(module, DataLoader(BATCHES, batch_size=None))
    return module, *start


def by_hand(network, discriminators, played):
    """The same updates; `played` says the GAN terms and their discriminator of an iteration."""
    optimizers = {n: adam(d.parameters()) for n, d in discriminators.items()}
    main = adam(network.parameters())
    schedules = [halving(o) for o in (main, *optimizers.values())]
    games = {"early": (GAN("hinge"), 0.1), "late": (GAN("r3gan"), 0.2)}
    for iteration, real in enumerate(BATCHES):
        fake = network(real)
        total = (fake - real).abs().mean()
        for name, owner in played(iteration).items():
            gan, weight = games[name]
            discriminator = discriminators[owner]
            total = total + weight * gan(discriminator(real), discriminator(fake))
        main.zero_grad()
        total.backward()
        owners_now = set(played(iteration).values())
        for owner in owners_now:
            optimizers[owner].zero_grad()  # of what the generator's side left
        for name, owner in played(iteration).items():
            gan, _ = games[name]
            sum(gan.discriminator(discriminators[owner], real, fake.detach()).values()).backward()
        for optimizer, parameters in (
            *((optimizers[owner], discriminators[owner].parameters()) for owner in owners_now),
            (main, network.parameters()),
        ):
            nn.utils.clip_grad_norm_(parameters, CLIP)
            optimizer.step()
        for schedule in schedules:
            schedule.step()


@pytest.mark.parametrize(
    ("shares", "late_owner"), [(None, "late"), ("early", "early")], ids=["own", "shared"]
)
def test_a_switch_of_the_game_trains_as_a_loop_by_hand(shares, late_owner):
    losses = {"pixel": {"type": "l1"}, "early": EARLY, "late": LATE | {"shares": shares}}
    module, network, discriminators = trained(losses)
    assert list(discriminators) == list(dict.fromkeys(["early", late_owner]))
    by_hand(
        network, discriminators, lambda i: {"early": "early"} if i < 3 else {"late": late_owner}
    )
    torch.testing.assert_close(module.network.state_dict(), network.state_dict())
    torch.testing.assert_close(module.discriminators.state_dict(), discriminators.state_dict())


@pytest.mark.parametrize(
    ("shares", "late_owner"), [(None, "late"), ("early", "early")], ids=["own", "shared"]
)
def test_two_games_at_once_train_as_a_loop_by_hand(shares, late_owner):
    at_once = {"early": EARLY | {"disable_after": None}, "late": LATE | {"start_iter": 0}}
    at_once["late"]["shares"] = shares
    module, network, discriminators = trained({"pixel": {"type": "l1"}} | at_once)
    by_hand(network, discriminators, lambda i: {"early": "early", "late": late_owner})
    torch.testing.assert_close(module.network.state_dict(), network.state_dict())
    torch.testing.assert_close(module.discriminators.state_dict(), discriminators.state_dict())


@pytest.mark.parametrize("named", ["pixel", "erly", "third"])
def test_a_game_is_shared_with_one_that_has_a_discriminator_of_its_own(named):
    late = {"late": LATE | {"shares": named}, "third": LATE | {"shares": "late"}}
    with pytest.raises(ConfigError, match="is no GAN term with a discriminator of its own"):
        owners(objective.build({"pixel": {"type": "l1"}, "early": EARLY} | late))


class FakeScaler:
    """Scales by a factor of its own, which changes at every update, and writes down what it did."""

    def __init__(self, factor):
        self.factor, self.seen = factor, []

    def scale(self, loss):
        return loss * self.factor

    def unscale_(self, optimizer):
        for p in optimizer.param_groups[0]["params"]:
            p.grad /= self.factor
        self.seen.append("unscaled")

    def step(self, optimizer):
        self.seen.append("stepped")
        optimizer.step()

    def update(self):
        self.factor *= 2

    def state_dict(self):
        return {"scale": self.factor}


def test_each_optimizer_has_a_scaler_of_its_own_and_gradients_are_clipped_unscaled(monkeypatch):
    losses = {"pixel": {"type": "l1"}, "early": EARLY | {"disable_after": None}}
    plain, *_ = trained(losses)
    scalers = [FakeScaler(8.0), FakeScaler(1024.0)]
    monkeypatch.setattr(Copy, "on_fit_start", lambda self: setattr(self, "scalers", scalers))
    scaled, *_ = trained(losses)
    torch.testing.assert_close(scaled.network.state_dict(), plain.network.state_dict())
    torch.testing.assert_close(
        scaled.discriminators.state_dict(), plain.discriminators.state_dict()
    )
    assert [s.factor for s in scalers] == [8.0 * 2**6, 1024.0 * 2**6]
    assert all(s.seen == ["unscaled", "stepped"] * 6 for s in scalers)
    assert scaled.iteration == 6
