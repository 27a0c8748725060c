"""Adversarial losses, both sides of each game in one place."""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from launch.losses.precision import no_autocast

Discriminate = Callable[[Tensor], Tensor]


class GAN(nn.Module):
    """The game between a generator and a discriminator D that returns logits.

    D(x) is one logit per image or a map of them, D+ = D(real), D- = D(fake), E a mean:

    | gan_type | generator             | discriminator                                          |
    |----------|-----------------------|--------------------------------------------------------|
    | vanilla  | E softplus(-D-)       | E softplus(-D+) + E softplus(D-)                       |
    | lsgan    | E (D- - 1)^2          | E (D+ - 1)^2 + E (D-)^2                                |
    | hinge    | -E D-                 | E relu(1 - D+) + E relu(1 + D-)                        |
    | r3gan    | E softplus(D+ - D-)   | E softplus(D- - D+) + gamma/2 (R1 + R2)                |

    vanilla: Goodfellow et al. 2014 (non-saturating); lsgan: Mao et al. 2017 with targets 0 and 1;
    hinge: Lim and Ye 2017; r3gan: Huang et al., "The GAN is dead; long live the GAN!", 2024,
    arXiv 2501.05441: each fake is paired with a real image, and R1 and R2 are the
    zero-centred gradient penalties on real and on fake images, see `gradient_penalty`.

    The scheduled weight of the loss belongs to the generator. The discriminator is a player of
    its own, so its loss is used as it is, never scaled.

    Args:
        gan_type: the game.
        gamma: strength of the penalties of r3gan; 0 leaves them out.
        shares: another GAN term whose discriminator plays this game too, for a switch of the game
            during a run; null for a discriminator of its own.
    """

    def __init__(
        self,
        gan_type: Literal["vanilla", "lsgan", "hinge", "r3gan"] = "vanilla",
        gamma: NonNegativeFloat = 1.0,
        shares: str | None = None,
    ) -> None:
        super().__init__()
        self.gan_type, self.shares = gan_type, shares
        self.gamma = gamma

    @property
    def needs_real_logits(self) -> bool:
        """Whether the generator's loss compares with the logits of real images."""
        return self.gan_type == "r3gan"

    def forward(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """The generator's loss; see `generator`."""
        return self.generator(real_logits, fake_logits)

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """How far the fakes are from being taken for real, a scalar.

        Args:
            real_logits: None will do unless `needs_real_logits`; no gradient goes there.
            fake_logits: of images with a graph to the generator.
        """
        if not self.needs_real_logits:
            return GENERATOR[self.gan_type](fake_logits).mean()
        if real_logits is None:
            raise ValueError("r3gan pairs fake with real images: real_logits must not be None")
        return F.softplus(real_logits.detach() - fake_logits).mean()

    def discriminator(
        self, discriminate: Discriminate, real: Tensor, fake: Tensor
    ) -> dict[str, Tensor]:
        """The terms of the discriminator's loss; their sum is what it minimises.

        Args:
            discriminate: images to logits, in training mode and with gradients.
            real, fake: images (N, C, H, W), pairwise of the same scene for r3gan; detached here.
        """
        real, fake = real.detach(), fake.detach()
        if self.gan_type == "r3gan":
            return self._relativistic(discriminate, real, fake)
        on_real, on_fake = DISCRIMINATOR[self.gan_type]
        return {
            "real": on_real(discriminate(real)).mean(),
            "fake": on_fake(discriminate(fake)).mean(),
        }

    def _relativistic(
        self, discriminate: Discriminate, real: Tensor, fake: Tensor
    ) -> dict[str, Tensor]:
        """Terms of r3gan, without autocast: second derivatives do not survive float16.

        Images that autocast has made half go back to float32.
        """
        with no_autocast(real):
            penalised = self.gamma > 0
            real, fake = (image.float().requires_grad_(penalised) for image in (real, fake))
            real_logits, fake_logits = discriminate(real), discriminate(fake)
            terms = {"relativistic": F.softplus(fake_logits - real_logits).mean()}
            if penalised:
                terms["r1"] = self.gamma / 2 * gradient_penalty(real, real_logits)
                terms["r2"] = self.gamma / 2 * gradient_penalty(fake, fake_logits)
        return terms


def gradient_penalty(images: Tensor, logits: Tensor) -> Tensor:
    """E |dD(x)/dx|^2 of (N, C, H, W) images that require gradients; R1 on real, R2 on fake ones.

    With P logits per image it is the squared gradient of their sum over P: the mean of the
    patches' penalties, were patches disjoint. P = 1 is the paper's formula. The images of a batch
    must not influence each other, so a discriminator with batch norm will not do.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    per_image = logits.numel() / len(images)
    return gradient.square().sum(dim=(1, 2, 3)).mean() / per_image


GENERATOR: dict[str, Callable[[Tensor], Tensor]] = {
    "vanilla": lambda fake: F.softplus(-fake),
    "lsgan": lambda fake: (fake - 1).square(),
    "hinge": lambda fake: -fake,
}
DISCRIMINATOR: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "vanilla": (lambda real: F.softplus(-real), F.softplus),
    "lsgan": (lambda real: (real - 1).square(), torch.square),
    "hinge": (lambda real: F.relu(1 - real), lambda fake: F.relu(1 + fake)),
}
