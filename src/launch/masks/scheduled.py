"""The masks of one iteration, and the one way a loss gets its mask.

`effective_mask(loss) = base * product of the masks that list the loss`, in config order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from launch.errors import ConfigError, nearest

# N batch or slices, H W image size, P points


class MaskGenerator(Protocol):
    """What a mask `type` has to offer.

    One that has to survive an interruption (a front that moved by what it saw) keeps plain values
    and tensors in a dict `memory`. One that grows from a size to another may say so for the plan:
    `spans(state) -> {unit: (before, after)}`.
    """

    def generate(
        self, iteration: int, state: Mapping[str, Any], size: tuple[int, int], device: torch.device
    ) -> Tensor:
        """A mask in [0, 1], (N, 1, h, w) stretched over the image, so that corners lie on corners.

        N may be 1 where all slices share it; (h, w) may be less than `size` where it is smooth.
        """
        ...


@dataclass(frozen=True)
class ScheduledMask:
    """A generator, the loss terms it gates, and the iterations `start <= i < stop` it works in.

    The generator sees the iteration counted from `start`.
    """

    label: str
    losses: tuple[str, ...]
    generator: MaskGenerator
    start: int = 0
    stop: int | None = None

    @property
    def memory(self) -> dict[str, Any]:
        return getattr(self.generator, "memory", {})

    def active(self, iteration: int) -> bool:
        return self.start <= iteration and (self.stop is None or iteration < self.stop)


@dataclass
class Built:
    """A mask, the iteration it was drawn for, and (H, W) of the image that it is stretched over."""

    image: Tensor
    iteration: int
    size: tuple[int, int]

    @property
    def whole(self) -> Tensor:
        """(N, 1, H, W)."""
        if self.image.shape[-2:] == self.size:
            return self.image
        return F.interpolate(self.image, size=self.size, mode="bilinear", align_corners=True)


@dataclass
class Slot:
    """What the mask callback writes before every training and validation step."""

    images: dict[int, Built] = field(default_factory=dict)
    built: bool = False


class ScheduledMasks(nn.Module):
    """Holds every scheduled mask of a run; `build` draws those of one iteration.

    The memory of the generators, and images kept for `every` > 1, are in the state dict, so that a
    resumed run draws what the uninterrupted one would have drawn.
    """

    def __init__(self, masks: Sequence[ScheduledMask] = ()) -> None:
        super().__init__()
        check_labels(masks)
        self.masks = tuple(masks)
        self.slot = Slot()

    def gated(self) -> set[str]:
        """Names of the loss terms that some mask gates at some time."""
        return {name for mask in self.masks for name in mask.losses}

    @property
    def built(self) -> bool:
        """Whether masks were drawn, here or in the run that this one continues."""
        return self.slot.built

    @torch.no_grad()
    def build(self, iteration: int, state: Mapping[str, Any], every: int = 1) -> None:
        """Draw the masks of this iteration; one drawn less than `every` ago is kept.

        `state["size"]` is (H, W) and `state["device"]` where to draw (default: the CPU); the rest
        is what the mask types of the run ask for.
        """
        kept, self.slot = self.slot.images, Slot(built=True)
        for place, mask in enumerate(self.masks):
            if not mask.active(iteration):
                continue
            local, old = iteration - mask.start, kept.get(place)
            if old is None or not 0 <= local - old.iteration < every:
                device = torch.device(state.get("device", "cpu"))
                size = tuple(state["size"])
                old = Built(mask.generator.generate(local, state, size, device), local, size)
            self.slot.images[place] = old

    def images(self) -> dict[str, Tensor]:
        """The masks of this iteration by label, each (N, 1, H, W)."""
        return {self.masks[place].label: built.whole for place, built in self.slot.images.items()}

    def effective(
        self, loss_name: str, base: Tensor | None = None, at: Tensor | None = None
    ) -> Tensor | None:
        """`base` times every mask that gates the loss; None where there is neither.

        With `at`, points (N, ..., 2) in pixels (x, y), the masks are read there (bilinear, 0
        outside the image), and base is (N, 1, ...). Without, everything is an image (N, 1, H, W).
        """
        result = base
        for place, built in self.slot.images.items():
            if loss_name not in self.masks[place].losses:
                continue
            whole = at is None
            mask = built.whole if whole else sample(built.image, at.detach(), built.size)
            result = mask if result is None else result * mask
        return None if result is None else result.detach()

    def get_extra_state(self) -> dict[str, Any]:
        images = {
            place: (old.image, old.iteration, old.size) for place, old in self.slot.images.items()
        }
        memory = [mask.memory for mask in self.masks]
        return {"memory": memory, "images": images, "built": self.slot.built}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Nothing where a module is built without the masks that its training had."""
        if not self.masks:
            return
        for mask, memory in zip(self.masks, state["memory"], strict=True):
            mask.memory.clear()
            mask.memory.update(memory)
        images = {place: Built(*built) for place, built in state["images"].items()}
        self.slot = Slot(images, state["built"])


def sample(image: Tensor, xy: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """Values of `image` (N, C, H, W) at pixel positions `xy` (N, ..., 2), as (N, C, ...).

    Bilinear; pixel centres are at whole numbers; 0 outside. Differentiable in `xy`. With `size`
    the positions are in pixels of an image of (H, W), over which this one is stretched.
    """
    height, width = size or image.shape[-2:]
    scale = xy.new_tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
    grid = (xy * scale - 1).reshape(xy.shape[0], 1, -1, 2)
    if image.shape[0] != xy.shape[0]:
        image = image.expand(xy.shape[0], -1, -1, -1)
    values = F.grid_sample(image, grid, mode="bilinear", align_corners=True)
    return values.reshape(xy.shape[0], image.shape[1], *xy.shape[1:-1])


def check_labels(masks: Sequence[ScheduledMask]) -> None:
    """Two masks with one label may not be active in the same iteration."""
    for place, mask in enumerate(masks):
        for other in masks[:place]:
            apart = (other.stop is not None and other.stop <= mask.start) or (
                mask.stop is not None and mask.stop <= other.start
            )
            if other.label == mask.label and not apart:
                raise ConfigError(f"two masks have the label {mask.label!r}; give each its own")


def check_losses(masks: Sequence[ScheduledMask], honours: Mapping[str, bool]) -> None:
    """Every gated loss must exist and honour masks.

    Raises:
        ConfigError: naming the mask, the loss and what could be meant.
    """
    able = [name for name, honoured in honours.items() if honoured]
    for mask in masks:
        for name in mask.losses:
            if name not in honours:
                raise ConfigError(
                    f"mask {mask.label!r} gates {name!r}, which is not a loss term of this run."
                    f"{nearest(name, able)}"
                )
            if not honours[name]:
                raise ConfigError(
                    f"mask {mask.label!r} gates {name!r}, which ignores masks; "
                    f"terms that honour them: {', '.join(able)}"
                )
