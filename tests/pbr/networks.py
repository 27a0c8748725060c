"""Networks of one layer and batches of 16 x 16 pixels, for the recipes of a phase."""

import torch
from torch import nn

from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.layers import SCALARS, TARGETS, UNKNOWN
from launch.schedules import Constant
from launch.train.objective import ScheduledLosses, Term

SIDE, CLASSES = 16, 7


class Pointwise(nn.Module):
    """Of a pixel's colour and normal, whatever the condition says."""

    def __init__(self, channels):
        super().__init__()
        self.layer = nn.Conv2d(6, channels, 1)

    def forward(self, image, condition=None):
        return self.layer(image)


class Heads(Pointwise):
    """The same as maps by name."""

    def __init__(self):
        super().__init__(len(SCALARS))

    def forward(self, image, condition=None, relief=None):
        return dict(zip(SCALARS, self.layer(image).split(1, dim=1), strict=True))


def losses(**modules):
    return ScheduledLosses({name: Term(loss, Constant(1.0)) for name, loss in modules.items()})


def textures(count=2, game=0):
    """A batch with all truth, of random maps; the second half has no label."""
    torch.manual_seed(0)
    batch = {name: torch.rand(count, 3, SIDE, SIDE) for name in ("diffuse", "albedo", "normal")}
    batch |= {name: torch.rand(count, 1, SIDE, SIDE) for name in SCALARS}
    classes = torch.zeros(count, SIDE, SIDE, dtype=torch.long)
    classes[count // 2 :] = UNKNOWN
    return batch | {
        "truth": torch.ones(count, len(TARGETS), SIDE, SIDE),
        "classes": classes,
        "pseudo": torch.full((count, SIDE, SIDE), 2),
        "confidence": torch.ones(count, 1, SIDE, SIDE),
        "game": torch.full((count,), float(game)),
    }


class Certain(nn.Module):
    """Says wood in the left half, with confidence, and nothing in the right."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits = image.new_zeros(len(image), len(KEPT), *image.shape[-2:])
        logits[:, KEPT.index("wood"), :, : image.shape[-1] // 2] = 20
        return logits
