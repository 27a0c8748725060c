"""Where a mask comes from: a network, or chance."""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from launch.experiments.roi.straight_through import MaskSample, Surrogate, sample, top_k
from launch.tools.ranks import uniform

Ratio = Annotated[float, Field(gt=0, lt=1)]


class LearnedMask(nn.Module):
    """A mask network whose logits are sampled.

    Args:
        network: image -> logits.
        keep_ratio: share of pixels that a projected mask keeps.
        mask_hard: threshold at 0.5.
        mask_gumbel: add logistic noise while training.
        mask_project: keep exactly `keep_ratio`.
        straight_through: false cuts the gradient at the projection, as in the deterministic
            baseline, so that area penalties alone reach the network.
        surrogate: gradient of the projection; see `straight_through.sample`.
    """

    def __init__(
        self,
        network: nn.Module,
        keep_ratio: Ratio = 0.1,
        mask_hard: bool = True,
        mask_gumbel: bool = True,
        mask_project: bool = True,
        straight_through: bool = True,
        surrogate: Surrogate = "sigmoid",
    ) -> None:
        super().__init__()
        self.network, self.keep_ratio = network, keep_ratio
        self.hard, self.gumbel, self.project = mask_hard, mask_gumbel, mask_project
        self.straight_through = straight_through
        self.surrogate: Surrogate = surrogate

    def forward(self, image: Tensor, temperature: float) -> MaskSample:
        """Sampled with noise while training, deterministic in evaluation mode."""
        gumbel = self.gumbel and self.training
        logits = self.network(image)
        drawn = sample(
            logits, temperature, self.hard, gumbel, self.project, self.keep_ratio, self.surrogate
        )
        return (
            drawn if self.straight_through else drawn._replace(projected=drawn.projected.detach())
        )

    def saliency(self, image: Tensor) -> Tensor:
        """Logits; the higher, the more a cell is wanted."""
        return self.network(image).float()

    def settled(self, saliency: Tensor, temperature: float) -> MaskSample:
        """The mask of given logits, without noise."""
        return sample(saliency, temperature, self.hard, False, self.project, self.keep_ratio)


class Untrained(nn.Module):
    """Masks that nothing trains: the largest saliencies, whatever they are."""

    def __init__(self, keep_ratio: Ratio) -> None:
        super().__init__()
        self.keep_ratio = keep_ratio

    def forward(self, image: Tensor, temperature: float) -> MaskSample:
        return self.settled(self.saliency(image), temperature)

    def saliency(self, image: Tensor) -> Tensor:
        raise NotImplementedError

    def settled(self, saliency: Tensor, temperature: float) -> MaskSample:
        mask = top_k(saliency, self.keep_ratio)
        return MaskSample(mask, mask, mask)


class RandomMask(Untrained):
    """A random choice of cells with the wanted area.

    Args:
        keep_ratio: share of cells that are kept.
        mask_stride: side of a cell in pixels.
    """

    def __init__(self, keep_ratio: Ratio = 0.1, mask_stride: PositiveInt = 1) -> None:
        super().__init__(keep_ratio)
        self.mask_stride = mask_stride

    def saliency(self, image: Tensor) -> Tensor:
        size = [side // self.mask_stride for side in image.shape[-2:]]
        return uniform(len(image), 1, *size, device=image.device)


class Cutout(Untrained):
    """A square at a random place, of the wanted area (DeVries and Taylor 2017).

    Args:
        keep_ratio: area of the square as a share of the image.
    """

    def __init__(self, keep_ratio: Ratio = 0.1) -> None:
        super().__init__(keep_ratio)

    def saliency(self, image: Tensor) -> Tensor:
        """Negative distance (of the larger coordinate) from a random point."""
        height, width = image.shape[-2:]
        margin = 0.5 * self.keep_ratio**0.5
        random = uniform(2, len(image), 1, 1, device=image.device, samples=1)
        centres = margin + (1 - 2 * margin) * random
        down = torch.linspace(0, 1, height, device=image.device).view(1, -1, 1)
        across = torch.linspace(0, 1, width, device=image.device).view(1, 1, -1)
        distance = torch.maximum((down - centres[0]).abs(), (across - centres[1]).abs())
        return -distance[:, None]
