"""A recipe with a discriminator: two optimizers, of which the second rests while it has no part."""

from typing import Any, cast

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.losses.gan import GAN
from launch.train.module import OptimizerFactory, ScheduledModule, SchedulerFactory
from launch.train.objective import ScheduledLosses


class AdversarialModule(ScheduledModule):
    """Manual optimisation of a generator and, while a GAN term needs one, a discriminator.

    The discriminator trains while the weight of the GAN term is not 0, and `warmup_iters` updates
    before, so that the generator meets a trained one; at other times it is neither run nor
    stepped. The schedule scales the generator's side of the game only.

    `training_step` calls `self.play(total, real, fake)`, and gives the GAN term the logits of
    `self.game(...)`.
    """

    def __init__(
        self,
        losses: ScheduledLosses,
        optimizer: OptimizerFactory,
        lr_scheduler: SchedulerFactory | None,
        discriminator: nn.Module | None,
        discriminator_optimizer: OptimizerFactory | None,
        warmup_iters: int,
    ) -> None:
        super().__init__(losses, optimizer, lr_scheduler)
        self.automatic_optimization = False
        self.discriminator = cast(nn.Module, discriminator)
        self.discriminator_optimizer = cast(OptimizerFactory, discriminator_optimizer)
        self.warmup_iters = warmup_iters
        self.gan_term = next((n for n in losses if isinstance(losses[n], GAN)), None)
        if self.gan_term and (discriminator is None or discriminator_optimizer is None):
            raise ConfigError(
                f"losses.{self.gan_term} is a GAN: set module.discriminator and "
                "module.discriminator_optimizer"
            )

    def generator_parameters(self) -> list[nn.Parameter]:
        """What the main optimizer trains: everything trainable that is not the discriminator's."""
        others = {id(p) for p in self.discriminator.parameters()} if self.discriminator else set()
        return [p for p in self.trainable_parameters() if id(p) not in others]

    def configure_optimizers(self) -> Any:
        main = cast(OptimizerFactory, self.optimizer)(self.generator_parameters())
        optimizers = [main]
        if self.gan_term:
            optimizers.append(self.discriminator_optimizer(self.discriminator.parameters()))
        return optimizers, [self.lr_scheduler(main)] if self.lr_scheduler else []

    def play(self, total: Tensor, real: Tensor, fake: Tensor) -> None:
        """As `descend`, and train the discriminator if it has a part."""
        self.manual_backward(total / self.accumulate)
        if self.discriminator_trains():
            self.train_discriminator(real, fake.detach())
        if self.ends_update:
            self.update()

    def game(self, gan: GAN, fake: Tensor, real: Tensor) -> tuple[Tensor | None, Tensor]:
        """Logits of real and fake for the generator's side; the discriminator stands still."""
        self.discriminator.requires_grad_(False)
        with torch.no_grad():
            real_logits = self.discriminator(real) if gan.needs_real_logits else None
        return real_logits, self.discriminator(fake)

    def discriminator_trains(self) -> bool:
        """Whether the GAN term is active now, or will be within `warmup_iters` updates."""
        if self.gan_term is None:
            return False
        soon = self.losses.iteration + self.warmup_iters
        return any(self.losses.weight(self.gan_term, i) for i in (self.losses.iteration, soon))

    def train_discriminator(self, real: Tensor, fake: Tensor) -> None:
        self.discriminator.requires_grad_(True)
        gan = cast(GAN, self.losses[self.gan_term or ""])
        total = torch.stack([*gan.discriminator(self.discriminator, real, fake).values()]).sum()
        self.manual_backward(total / self.accumulate)
        self.record(discriminator=total)

    def update(self) -> None:
        """Step the generator, and the discriminator if it trains, on the accumulated gradients."""
        if self.discriminator_trains():
            discriminator = cast(list[LightningOptimizer], self.optimizers())[1]
            discriminator.step()
            discriminator.zero_grad()
        super().update()
