"""What can be measured without truth: does a prediction depend on what it should not depend on?

# N textures, C channels, H W height and width
"""

from collections.abc import Callable

import torch
from torch import Tensor

Batch = dict[str, Tensor]
Predict = Callable[[Batch], Tensor]  # -> (N, C, H, W)

SHADE = (0.7, 1.15)  # of the light that is added, from left to right
TINT = (0.95, 1.0, 1.06)


def consistency(predict: Predict, batch: Batch) -> dict[str, Tensor]:
    """How far predictions for the same textures, shown differently, lie apart, per texture (N,).

    Returns:
        `roll`: mean absolute difference after a shift around the torus, of textures that tile.
        `flip`: likewise after mirroring.
        `relight`: likewise under another light, as a share of what that light changes in the
            diffuse: 1 if all of it comes through, 0 if it is removed.
        `seam`: step over the edges of the torus, against that of the diffuse: above 1 there is a
            seam where the texture has none.
    """
    plain = predict(batch)
    shift = plain.shape[-1] // 3
    rolled = predict({n: v.roll(shift, -1) for n, v in batch.items() if v.dim() > 1} | same(batch))
    lit = batch | {"diffuse": relit(batch["diffuse"])}
    change = distance(lit["diffuse"], batch["diffuse"]).clamp_min(1e-6)
    return {
        "roll": distance(rolled.roll(-shift, -1), plain),
        "flip": distance(predict(mirrored(batch)).flip(-1), plain),
        "relight": distance(predict(lit), plain) / change,
        "seam": seam(plain) / seam(batch["diffuse"]).clamp_min(1e-6),
    }


def same(batch: Batch) -> Batch:
    """What has no pixels."""
    return {name: values for name, values in batch.items() if values.dim() == 1}


def distance(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).abs().mean(dim=(1, 2, 3))


def mirrored(batch: Batch) -> Batch:
    """Left and right exchanged, the normals' x with its sign."""
    turned = {n: v.flip(-1) for n, v in batch.items() if v.dim() > 1} | same(batch)
    turned["normal"] = turned["normal"] * batch["normal"].new_tensor([-1, 1, 1])[:, None, None]
    return turned


def relit(diffuse: Tensor) -> Tensor:
    """A light from the right and a cold tint."""
    shade = torch.linspace(*SHADE, diffuse.shape[-1], device=diffuse.device)
    tint = diffuse.new_tensor(TINT)[:, None, None]
    return (diffuse * shade * tint).clamp(0, 1)


def seam(image: Tensor) -> Tensor:
    """Step over the edges of the torus as a share of the steps inside, the worse axis, (N,)."""
    ratios = []
    for dim in (-1, -2):
        across = (image.select(dim, 0) - image.select(dim, -1)).abs().mean(dim=(1, 2))
        ratios.append(across / distance(image.diff(dim=dim), image.new_zeros(())).clamp_min(1e-6))
    return torch.stack(ratios).amax(dim=0)
