"""Training samples and validation views of a list of materials.

Everything random in a sample depends on (seed, epoch, place in the epoch) alone.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from experiments.pbr.augment import Augmentation, believed, resize, turn, turn_vectors
from experiments.pbr.layers import CLEAN, GAME, TARGETS, UNKNOWN, Maps, Material, unpack

Sample = dict[str, Tensor]
FEED_MULTIPLE = 32  # sides of crops: encoders halve five times


class Samples(Dataset[Sample]):
    """Crops of materials, augmented, for keys `(epoch, place)`.

    Args:
        chosen: index of the material at each place of an epoch.
        crop: side of the window in texture pixels by epoch; None for the whole texture.
        feed: side of the sample. A window of another size is resized.
        classes: names by index.
    """

    def __init__(
        self,
        materials: Sequence[Material],
        places: int,
        chosen: Callable[[int], np.ndarray],
        seed: int,
        crop: Callable[[int], float] | None,
        feed: int,
        augmentation: Augmentation,
        classes: Sequence[str],
    ) -> None:
        self.materials, self.places, self.chosen, self.seed = materials, places, chosen, seed
        self.crop, self.feed, self.augmentation = crop, feed, augmentation
        self.classes = classes
        self.clean = [i for i, m in enumerate(materials) if m.domain == CLEAN]

    def __len__(self) -> int:
        return self.places

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, place = key
        random = np.random.default_rng([self.seed, epoch, place])
        material = self.materials[self.chosen(epoch)[place]]
        count = 1
        if material.domain == CLEAN:
            count = self.augmentation.patches(random.random())
        if count == 1:
            maps = self.patch(random, material, epoch, self.feed, self.feed)
        else:
            maps = self.mosaic(random, material, epoch, count)
        return to_sample(maps, material.domain, hide_classes=True)

    def mosaic(self, random: np.random.Generator, first: Material, epoch: int, count: int) -> Maps:
        """2 or 4 patches that fill the sample; the others are drawn from all clean materials."""
        drawn = random.choice(self.clean, count - 1)
        materials = [first, *(self.materials[i] for i in drawn)]
        half, rest = self.feed // 2, self.feed - self.feed // 2
        if count == 2:
            tiles = [
                self.patch(random, m, epoch, self.feed, w)
                for m, w in zip(materials, (half, rest), strict=True)
            ]
            return stack(tiles, axis=1)
        sides = [(h, w) for h in (half, rest) for w in (half, rest)]
        tiles = [self.patch(random, m, epoch, *s) for m, s in zip(materials, sides, strict=True)]
        return stack([stack(tiles[:2], axis=1), stack(tiles[2:], axis=1)], axis=0)

    def patch(
        self, random: np.random.Generator, material: Material, epoch: int, height: int, width: int
    ) -> Maps:
        """A window of one material at the size of its tile, with the tile's aspect."""
        quarter, mirrors = 0, (False, False)
        if self.augmentation.geometry:
            quarter, *flips = (int(n) for n in random.integers(0, (4, 2, 2)))
            mirrors = (bool(flips[0]), bool(flips[1]))
        tall, wide = (width, height) if quarter % 2 else (height, width)
        window = self.window(random, material, epoch, tall, wide)
        maps = unpack(turn(window, quarter, *mirrors))
        maps["normal"] = turn_vectors(maps["normal"], quarter, *mirrors)
        maps["truth"] = truth_of(material, maps)
        maps = resize(maps, height, width)
        label = material.category if material.domain == CLEAN else believed(maps)
        name = None if label is None else self.classes[label]
        return self.augmentation.colour(random, maps, material.domain, name)

    def window(
        self, random: np.random.Generator, material: Material, epoch: int, tall: int, wide: int
    ) -> np.ndarray:
        """A random window with the aspect of its tile; its longer side is this epoch's crop."""
        height, width = material.packed.shape[:2]
        if self.crop is None:
            return material.window(0, 0, height, width)
        side = round_to(self.crop(epoch), FEED_MULTIPLE)
        scale = min(side / max(tall, wide), height / tall, width / wide)
        rows, columns = max(1, round(tall * scale)), max(1, round(wide * scale))
        top = random.integers(height - rows + 1)
        left = random.integers(width - columns + 1)
        return material.window(top, left, rows, columns)


class Views(Dataset[Sample]):
    """The central square of each material, the same in every validation.

    Args:
        crop: side in texture pixels; None for all that fits.
    """

    def __init__(self, materials: Sequence[Material], crop: int | None, feed: int) -> None:
        self.materials, self.crop, self.feed = materials, crop, feed

    def __len__(self) -> int:
        return len(self.materials)

    def __getitem__(self, index: int) -> Sample:
        material = self.materials[index]
        height, width = material.packed.shape[:2]
        side = min(height, width, self.crop or height)
        top, left = (height - side) // 2, (width - side) // 2
        maps = unpack(material.window(top, left, side, side))
        maps["truth"] = truth_of(material, maps)
        return to_sample(resize(maps, self.feed, self.feed), material.domain, hide_classes=False)


def round_to(value: float, multiple: int) -> int:
    """The nearest multiple, at least one."""
    return max(1, round(value / multiple)) * multiple


def truth_of(material: Material, maps: Maps) -> np.ndarray:
    """Which of `TARGETS` are known, for every pixel, (H, W, 5)."""
    known = np.array([name in material.truth for name in TARGETS], np.float32)
    return np.broadcast_to(known, (*maps["diffuse"].shape[:2], len(TARGETS)))


def stack(tiles: Sequence[Maps], axis: int) -> Maps:
    return {name: np.concatenate([t[name] for t in tiles], axis) for name in tiles[0]}


def to_sample(maps: Maps, domain: str, hide_classes: bool) -> Sample:
    """Tensors: maps (C, H, W), classes (H, W) with 255 unknown, `game` 0 or 1.

    Args:
        hide_classes: the classes of game textures are for evaluation only; then `classes` is 255
            there, and `true_classes` says what they are.
    """
    sample = {
        name: torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), np.float32))
        for name, values in maps.items()
        if values.ndim == 3
    }
    classes = torch.from_numpy(np.ascontiguousarray(maps["classes"])).long()
    hidden = hide_classes and domain == GAME
    sample["true_classes"] = classes
    sample["classes"] = torch.full_like(classes, UNKNOWN) if hidden else classes
    sample["pseudo"] = torch.from_numpy(np.ascontiguousarray(maps["pseudo"])).long()
    sample["game"] = torch.tensor(float(domain == GAME))
    return sample
