"""What maps are usual for a texture: a regression from its class, or from how it looks.

From a few dozen materials it learns more about others than a network does, see README. The network
predicts the change.

# N images, H W height and width, K classes, M materials
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import default_collate

from launch.experiments.pbr.layers import CLEAN, SCALARS, TARGETS, Material
from launch.experiments.pbr.samples import Views, expand
from launch.experiments.pbr.shading import BAKED, bake, weather

SIDE = 64  # pixels of the shorter side, at least, in which statistics are taken
CELLS = 8  # places along it, at least, that have statistics of their own
COARSEST = 32  # pixels: a shift by what encoders reduce is one of whole cells
REACH = 1 / 2  # of a side: how far away a statistic still looks
COUNT = 8  # statistics
LOOKS = COUNT * (COUNT + 3) // 2  # and their products by two
FLOOR = 2e-3  # of a deviation: bytes tell no smaller ones apart
DECIDED = 8.0  # a texture is metal or not: 0.14 becomes 0.05, and 0.86 0.95
MARGIN = 0.02  # keeps the logit of a roughness finite
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 1000, torch.inf)
ENOUGH = 150  # materials


class Usual(nn.Module):
    """Maps by ridge regression from class probabilities, or from statistics and their products.

    For each map it is what tells materials better that were left out. Metal is never told from the
    class: the segmentation takes rusty metal for something else.

    Attributes:
        centre, scale: (8,) of the statistics.
        shares: (K,) of the classes.
        weights: (K + 44 + 1, 4), the last row of a constant; 0.5 everywhere until `fit`.
    """

    centre: Tensor
    scale: Tensor
    shares: Tensor
    weights: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(COUNT))
        self.register_buffer("scale", torch.ones(COUNT))
        self.register_buffer("shares", torch.zeros(classes))
        weights = torch.zeros(classes + LOOKS + 1, len(SCALARS))
        weights[-1] = 0.5
        self.register_buffer("weights", weights)

    def is_fitted(self) -> bool:
        return bool((self.weights[-1] != 0.5).any())

    def fit(self, images: Tensor, classes: Tensor, maps: Tensor) -> None:
        """
        Args:
            images: whole textures, m versions of each (m, M, 6, S, S).
            classes: one-hot (M, K). maps: what each has (M, 4), NaN where unknown.
        """
        found = statistics(moments(images.flatten(0, 1)).mean(dim=(2, 3), keepdim=True))
        self.centre.copy_(found.mean(dim=(0, 2, 3)))
        self.scale.copy_(found.std(dim=(0, 2, 3)).clamp_min(FLOOR))
        self.shares.copy_(classes.mean(dim=0))
        looks = self.looks(found.to(self.centre))[:, :, 0, 0].unflatten(0, images.shape[:2])
        looks = looks.transpose(0, 1).double()
        kinds = (classes.to(looks) - self.shares)[:, None].expand(-1, len(images), -1)
        for place, values in enumerate(maps.to(looks).unbind(dim=1)):
            known = ~values.isnan()
            if known.sum() > 1:
                by_class, error = ridge(kinds[known], values[known])
                by_look, other = ridge(looks[known], values[known])
                column = self.weights[:, place].zero_()
                if error < other and SCALARS[place] != "metallic":
                    column[: len(self.shares)], column[-1] = by_class[:-1], by_class[-1]
                else:
                    column[len(self.shares) :] = by_look

    def forward(self, image: Tensor, condition: Tensor | None) -> dict[str, Tensor]:
        """Maps (N, 1, H, W) of colour and normal (N, 6, H, W); logits of roughness and metal.

        Args:
            condition: class probabilities, and more (N, K + 2, h, w); None if they are not known.
        """
        count, size = len(self.shares), image.shape[-2:]
        with torch.autocast(image.device.type, enabled=False):  # small differences of squares
            looks = self.looks(statistics(around(moments(image.float()))))
            maps = torch.einsum("nfhw,fm->nmhw", looks, self.weights[count:-1])
            maps = enlarged(maps, *size) + self.weights[-1][:, None, None]
            if condition is not None:
                kinds = condition[:, :count].float() - self.shares[:, None, None]
                kinds = torch.einsum("nkhw,km->nmhw", kinds, self.weights[:count])
                maps = maps + F.interpolate(kinds, size, mode="bilinear", align_corners=False)
        planes = dict(zip(SCALARS, maps.clamp(0, 1).split(1, dim=1), strict=True))
        roughness = torch.logit(planes["roughness"], eps=MARGIN)
        return planes | {"roughness": roughness, "metallic": DECIDED * (planes["metallic"] - 0.5)}

    def looks(self, found: Tensor) -> Tensor:
        """Statistics, scaled, and their products by two: (N, 8, h, w) -> (N, 44, h, w)."""
        scaled = (found - self.centre[:, None, None]) / self.scale[:, None, None]
        scaled = scaled.clamp(-3, 3)  # nothing is known further out
        products = [scaled[:, i : i + 1] * scaled[:, i:] for i in range(COUNT)]
        return torch.cat([scaled, *products], dim=1)


# Statistics


def moments(image: Tensor) -> Tensor:
    """Colour, saturation, and squares of brightness, its detail, slopes and their detail.

    Means over cells: (N, 6, H, W) -> (N, 8, h, w).
    """
    shorter = min(image.shape[-2:])
    pixel, cell = power_of_two(shorter / SIDE), power_of_two(shorter / CELLS)
    small = F.avg_pool2d(image, pixel)
    colour, slopes = small[:, :3], small[:, 3:5]
    grey = colour.mean(dim=1, keepdim=True)
    saturation = colour.amax(dim=1, keepdim=True) - colour.amin(dim=1, keepdim=True)
    squares = [grey, detail(grey), slopes, detail(slopes)]
    sums = [part.square().sum(dim=1, keepdim=True) for part in squares]
    return F.avg_pool2d(torch.cat([colour, saturation, *sums], dim=1), cell // pixel)


def power_of_two(at_most: float) -> int:
    """The largest that is at most so much, from 1 to `COARSEST`."""
    return 2 ** int(np.log2(np.clip(at_most, 1, COARSEST)))


def detail(x: Tensor) -> Tensor:
    """What differs from the mean of a pixel and its neighbours."""
    return x - F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="circular"), 3, stride=1)


def around(means: Tensor) -> Tensor:
    """Means over windows around each cell that fade out; beyond the border is the other side."""
    rows, columns = (window(side).to(means) for side in means.shape[-2:])
    return rows @ means @ columns


def window(side: int) -> Tensor:
    """What each of the cells along an axis counts for each, (side, side)."""
    places = torch.arange(side)
    away = (places[:, None] - places).abs()
    weight = (1 - torch.minimum(away, side - away) / (REACH * side)).clamp_min(0)
    return weight / weight.sum(dim=1, keepdim=True)


def statistics(means: Tensor) -> Tensor:
    """Mean colour and saturation, and logarithms of contrast, fine contrast, slopes, fine slopes.

    Of means of `moments`, (N, 8, h, w).
    """
    first, powers = means.split(4, dim=1)
    contrast = powers[:, :1] - first[:, :3].mean(dim=1, keepdim=True).square()
    powers = torch.cat([contrast.clamp_min(0), powers[:, 1:]], dim=1)
    return torch.cat([first, (powers + FLOOR**2).log() / 2], dim=1)


def enlarged(maps: Tensor, height: int, width: int) -> Tensor:
    """(N, C, h, w) -> (N, C, height, width), smooth over the border too."""
    step = height // maps.shape[-2]
    wide = F.pad(maps, (1, 1, 1, 1), mode="circular")
    wide = F.interpolate(wide, scale_factor=step, mode="bilinear", align_corners=False)
    return wide[..., step : step + height, step : step + width]


# What it is fitted to


def examples(materials: Sequence[Material], classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Small pictures of materials, at most `ENOUGH`, as networks see them: what `Usual.fit` takes.

    The albedo; the diffuse; and a diffuse as in old games, once beside flat normals. Of the maps it
    is the median, whose error is the least, and of metal, which pixels decide, the mean.
    """
    told = [m for m in materials if set(m.truth) & set(SCALARS)]
    told = told[:: max(1, -(-len(told) // ENOUGH))]
    views = Views(told, None, SIDE)
    batch = expand(default_collate([views[i] for i in range(len(views))]))
    known = batch["truth"].amax(dim=(2, 3)) > 0
    for name, value in (("roughness", 0.5), ("ao", 1.0)):
        batch[name][~known[:, TARGETS.index(name)]] = value
    game = [in_a_game(batch, i) for i in range(len(told))]
    colours = [batch["albedo"], batch["diffuse"], torch.stack(game), torch.stack(game)]
    flat = torch.zeros_like(batch["normal"])
    flat[:, 2] = 1
    normals = [*[batch["normal"]] * 3, flat]
    images = [torch.cat(both, dim=1) for both in zip(colours, normals, strict=True)]
    maps = {name: batch[name].flatten(1).median(dim=1).values for name in SCALARS}
    maps["metallic"] = batch["metallic"].mean(dim=(1, 2, 3))
    kinds = torch.zeros(len(told), classes)
    for row, material in zip(kinds, told, strict=True):
        if material.domain == CLEAN and material.category is not None:
            row[material.category] = 1
    values = torch.stack([*maps.values()], dim=1).masked_fill(~known[:, 1:], torch.nan)
    return torch.stack(images), kinds, values


def in_a_game(batch: dict[str, Tensor], i: int) -> Tensor:
    """A diffuse (3, H, W) of a material as old games would show it."""
    random = np.random.default_rng(i)
    names = ("albedo", "normal", "roughness", "metallic", "ao")
    maps = {name: batch[name][i].permute(1, 2, 0).numpy() for name in names}
    maps |= {name: maps[name][..., 0] for name in names[2:]}
    return torch.from_numpy(weather(random, bake(random, maps, BAKED))).permute(2, 0, 1).float()


# Regression


def ridge(rows: Tensor, values: Tensor) -> tuple[Tensor, float]:
    """Weights (F + 1,), the last of a constant, from rows (M, m, F) of materials with values (M,).

    The penalty is the one with the least absolute error where each material is told from the
    others; that error is returned, too.
    """
    materials, versions, terms = rows.shape
    rows, values = rows.flatten(0, 1), values.repeat_interleave(versions)
    centre, mean = rows.mean(dim=0), values.mean()
    left, spread, right = torch.linalg.svd(rows - centre, full_matrices=False)
    best, lowest = values.new_zeros(terms), torch.inf
    for penalty in PENALTIES:
        kept = spread.square() / (spread.square() + penalty * len(rows))
        hat = (left * kept) @ left.T + 1 / len(rows)
        own = hat.view(materials, versions, materials, versions).diagonal(dim1=0, dim2=2)
        rest = torch.eye(versions).to(own) * (1 + 1e-6) - own.permute(2, 0, 1)
        wrong = (values - hat @ values).view(materials, versions, 1)
        error = float(torch.linalg.solve(rest, wrong).abs().mean())
        if error < lowest:
            lowest = error
            best = right.T @ (kept / spread.clamp_min(1e-12) * (left.T @ (values - mean)))
    return torch.cat([best, (mean - centre @ best)[None]]), lowest
