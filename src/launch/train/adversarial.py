"""A recipe with discriminators: an optimizer for each, which rests while its player has no part."""

import copy
import warnings
from typing import Any, cast

import torch
from lightning.pytorch.utilities import rank_zero_warn
from pydantic import NonNegativeInt
from torch import Tensor, nn

from launch.errors import ConfigError, nearest
from launch.losses.gan import GAN
from launch.schedules import Schedule, silent_intervals
from launch.train.learning_rate import scheduled
from launch.train.module import OptimizerFactory, ScheduledModule, SchedulerFactory
from launch.train.objective import ScheduledLosses


class AdversarialModule(ScheduledModule):
    """Manual optimisation of a generator and, while a GAN term needs one, its discriminator.

    Every GAN term has a discriminator of its own, all of them made like `discriminator`, unless it
    names another term whose discriminator it plays too. A discriminator trains in the games whose
    weights are not 0, and `warmup_iters` updates before, so that the generator meets a trained
    one; at other times it is neither run nor stepped. The schedule scales the generator's side of
    a game only. Gradients of both sides are clipped, each by its own norm, and every learning rate
    moves with the updates of the generator, as in BasicSR.

    `training_step` calls `self.play(total, real, fake)`, and gives a GAN term the logits of
    `self.game(name, ...)`.

    Args:
        optimizer, lr_scheduler: of what is no discriminator.
        discriminator, discriminator_optimizer, discriminator_lr_scheduler: for each GAN term.
        warmup_iters: updates of a discriminator before its term sets in.

    Attributes:
        owners: GAN term -> the term whose discriminator it plays, most often itself.
        discriminators: by the term that they belong to, in the order of their optimizers.
    """

    def __init__(
        self,
        losses: ScheduledLosses,
        optimizer: OptimizerFactory,
        lr_scheduler: SchedulerFactory | None = None,
        discriminator: nn.Module | None = None,
        discriminator_optimizer: OptimizerFactory | None = None,
        discriminator_lr_scheduler: SchedulerFactory | None = None,
        warmup_iters: NonNegativeInt = 0,
    ) -> None:
        super().__init__(losses, optimizer, lr_scheduler)
        self.automatic_optimization = False
        self.discriminator_optimizer = cast(OptimizerFactory, discriminator_optimizer)
        self.discriminator_lr_scheduler = discriminator_lr_scheduler
        self.warmup_iters = warmup_iters
        self.owners = owners(losses)
        if self.owners and (discriminator is None or discriminator_optimizer is None):
            raise ConfigError(
                f"losses.{next(iter(self.owners))} is a GAN: set module.discriminator and "
                "module.discriminator_optimizer"
            )
        for name in self.owners:
            warn_of_short_warm_up(name, losses.terms[name].weight, warmup_iters)
        self.discriminators = nn.ModuleDict(
            {
                n: copy.deepcopy(cast(nn.Module, discriminator))
                for n in dict.fromkeys(self.owners.values())
            }
        )

    def generator_parameters(self) -> list[nn.Parameter]:
        """What the main optimizer trains: everything trainable that is not a discriminator's."""
        others = {id(p) for p in self.discriminators.parameters()}
        return [p for p in self.trainable_parameters() if id(p) not in others]

    def configure_optimizers(self) -> Any:
        """The generator's optimizer, then that of each discriminator, and their schedules.

        The rate of a discriminator that rests goes on falling, about which torch would warn.
        """
        main = cast(OptimizerFactory, self.optimizer)(self.generator_parameters())
        others = [
            self.discriminator_optimizer(d.parameters()) for d in self.discriminators.values()
        ]
        schedulers = [scheduled(self.lr_scheduler, main)] if self.lr_scheduler else []
        if self.discriminator_lr_scheduler:
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
            schedulers += [scheduled(self.discriminator_lr_scheduler, other) for other in others]
        return [main, *others], schedulers

    def play(self, total: Tensor, real: Tensor, fake: Tensor) -> None:
        """As `descend`, and train the discriminators that have a part."""
        self.add_gradients(total)
        for name in self.discriminators:
            if self.games_of(name):
                self.train_discriminator(name, real, fake.detach())
        if self.ends_update:
            self.update()

    def game(self, name: str, fake: Tensor, real: Tensor) -> tuple[Tensor | None, Tensor]:
        """Logits of real and fake for the generator's side; the discriminator stands still."""
        gan, discriminator = cast(GAN, self.losses[name]), self.discriminators[self.owners[name]]
        discriminator.requires_grad_(False)
        with torch.no_grad():
            real_logits = discriminator(real) if gan.needs_real_logits else None
        return real_logits, discriminator(fake)

    def games_of(self, owner: str) -> list[str]:
        """GAN terms that train this discriminator now, active or within `warmup_iters` updates."""
        now = self.losses.iteration
        return [
            name
            for name, played in self.owners.items()
            if played == owner
            and any(self.losses.weight(name, i) for i in (now, now + self.warmup_iters))
        ]

    def train_discriminator(self, owner: str, real: Tensor, fake: Tensor) -> None:
        """Gradients of all its games, unweighted."""
        discriminator = self.discriminators[owner].requires_grad_(True)
        terms = [
            value
            for name in self.games_of(owner)
            for value in cast(GAN, self.losses[name])
            .discriminator(discriminator, real, fake)
            .values()
        ]
        total = torch.stack(terms).sum()
        self.add_gradients(total, self.player(owner))
        alone = len(self.discriminators) == 1
        self.record(**{"discriminator" if alone else f"discriminator_{owner}": total})

    def player(self, owner: str) -> int:
        """Number of a discriminator's optimizer; the generator's is 0."""
        return 1 + list(self.discriminators).index(owner)

    def update(self) -> None:
        """Step the discriminators that train and the generator on the accumulated gradients."""
        for name in self.discriminators:
            if self.games_of(name):
                self.step(self.player(name))
        super().update()


def warn_of_short_warm_up(name: str, weight: Schedule, warmup_iters: int) -> None:
    """Say that a game begins before its discriminator has had its warm-up."""
    if not warmup_iters or weight.unit == "epoch":
        return
    silent = silent_intervals({name: weight}, warmup_iters)
    begins = silent[0][1] if silent and silent[0][0] == 0 else 0
    if begins < warmup_iters:
        rank_zero_warn(
            f"module.warmup_iters={warmup_iters}, but losses.{name} is active from iteration "
            f"{begins} on, before which its discriminator has {begins} updates; raise "
            f"losses.{name}.start_iter"
        )


def owners(losses: ScheduledLosses) -> dict[str, str]:
    """The term whose discriminator each GAN term plays.

    Raises:
        ConfigError: if a term names one that is no GAN with a discriminator of its own.
    """
    games = {name: loss for name in losses if isinstance(loss := losses[name], GAN)}
    own = [name for name, gan in games.items() if gan.shares in (None, name)]
    found = {name: gan.shares or name for name, gan in games.items()}
    for name, owner in found.items():
        if owner not in own:
            raise ConfigError(
                f"losses.{name}.shares: {owner!r} is no GAN term with a discriminator of its own."
                f"{nearest(owner, own)}"
            )
    return found
