"""Training samples and validation views of a list of materials.

A sample is bytes: 17 planes of a texture, see `layers`, and one that says which maps are known.
Everything random in it depends on (seed, epoch, place in the epoch) alone.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from launch.experiments.pbr.augment import Augmentation, believed
from launch.experiments.pbr.geometry import flatten, resize, turn
from launch.experiments.pbr.layers import (
    CLEAN,
    DEPTH,
    GAME,
    PLACES,
    TARGETS,
    UNKNOWN,
    Material,
    constant,
)

Sample = dict[str, Tensor]
FEED_MULTIPLE = 32  # sides of crops: encoders halve five times
BITS = {name: 1 << i for i, name in enumerate(TARGETS)}


class Samples(Dataset[Sample]):
    """Crops of materials, augmented, for keys `(epoch, place)`.

    Args:
        chosen: index of the material at each place of an epoch.
        crop: side of the window in texture pixels by epoch; None for the largest square.
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
        counts = Counter(classes[materials[i].category] for i in self.clean)  # type: ignore[index]
        self.rare = {name for name, n in counts.items() if 2 * n < max(counts.values())}
        self._epoch, self._indices = -1, np.empty(0, int)

    def __len__(self) -> int:
        return self.places

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, place = key
        random = np.random.default_rng([self.seed, epoch, place])
        material = self.material(epoch, place)
        planes = np.empty((DEPTH + 1, self.feed, self.feed), np.uint8)
        count = 1
        if material.domain == CLEAN:
            count = self.augmentation.patches(random.random())
        others = [self.materials[i] for i in random.choice(self.clean, count - 1)]
        for one, tile in zip([material, *others], tiles(planes, count), strict=True):
            self.fill(tile, random, one, epoch)
        return to_sample(planes, material.domain)

    def material(self, epoch: int, place: int) -> Material:
        if self._epoch != epoch:
            self._epoch, self._indices = epoch, self.chosen(epoch)
        return self.materials[self._indices[place]]

    def fill(
        self, tile: np.ndarray, random: np.random.Generator, material: Material, epoch: int
    ) -> None:
        """Write a window of one material into a tile, with the tile's aspect.

        Colours change where there are fewer pixels: before enlarging, after reducing.
        """
        height, width = tile.shape[1:]
        quarter, mirrors = 0, (False, False)
        if self.augmentation.geometry:
            quarter, *flips = (int(n) for n in random.integers(0, (4, 2, 2)))
            mirrors = (bool(flips[0]), bool(flips[1]))
        tall, wide = (width, height) if quarter % 2 else (height, width)
        planes = self.window(random, material, epoch, tall, wide)
        if material.domain == GAME:  # their classes are for evaluation only
            planes[PLACES["classes"].start] = constant(UNKNOWN, *planes[0].shape)
        planes = turn(planes, quarter, *mirrors)
        if random.random() < self.augmentation.flat_normals:
            flatten(planes)
        *maps, known = tile
        known[...] = known_maps(material)
        if planes[0].size > known.size:
            resize(planes, maps)
            planes = maps.copy()
        category = self.category(material, planes)
        self.augmentation.colour(random, planes, material.domain, category, category in self.rare)
        resize(planes, maps)

    def category(self, material: Material, planes: list[np.ndarray]) -> str | None:
        """Whose colours a patch may take; of game textures the teacher says it."""
        if not self.augmentation.selective:
            return None
        label = material.category if material.domain == CLEAN else believed(planes)
        return None if label is None else self.classes[label]

    def window(
        self, random: np.random.Generator, material: Material, epoch: int, tall: int, wide: int
    ) -> list[np.ndarray]:
        """A random window with the aspect of its tile; its longer side is this epoch's crop.

        Without a crop it is the largest there is, so that nothing is ever stretched.
        """
        height, width = material.size
        largest = min(height / tall, width / wide)
        scale = largest
        if self.crop is not None:
            scale = min(round_to(self.crop(epoch), FEED_MULTIPLE) / max(tall, wide), largest)
        rows, columns = max(1, round(tall * scale)), max(1, round(wide * scale))
        top = int(random.integers(height - rows + 1))
        left = int(random.integers(width - columns + 1))
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
        height, width = material.size
        side = min(height, width, self.crop or height)
        top, left = (height - side) // 2, (width - side) // 2
        planes = np.empty((DEPTH + 1, self.feed, self.feed), np.uint8)
        resize(material.window(top, left, side, side), list(planes[:DEPTH]))
        planes[DEPTH] = known_maps(material)
        return to_sample(planes, material.domain)


def tiles(planes: np.ndarray, count: int) -> list[np.ndarray]:
    """The whole sample, its halves side by side, or its quarters row by row; views."""
    if count == 1:
        return [planes]
    half = planes.shape[1] // 2
    left, right = planes[..., :half], planes[..., half:]
    if count == 2:
        return [left, right]
    return [left[:, :half], right[:, :half], left[:, half:], right[:, half:]]


def round_to(value: float, multiple: int) -> int:
    """The nearest multiple, at least one."""
    return max(1, round(value / multiple)) * multiple


def known_maps(material: Material) -> int:
    """Which of `TARGETS` are known, a bit for each."""
    return sum(BITS[name] for name in material.truth)


def to_sample(planes: np.ndarray, domain: str) -> Sample:
    return {"planes": torch.from_numpy(planes), "game": torch.tensor(float(domain == GAME))}


def expand(batch: Sample) -> Sample:
    """Maps of a batch of samples, floats (N, C, H, W) in [0, 1], normals in [-1, 1].

    Also `classes` and `pseudo` (N, H, W), 255 where unknown; `truth` (N, 5, H, W), 1 where a map is
    known; `game` (N,), 0 or 1.
    """
    planes = batch["planes"]
    maps = {name: planes[:, place] for name, place in PLACES.items()}
    labels = {name: maps.pop(name)[:, 0].long() for name in ("classes", "pseudo")}
    high, low = maps.pop("height").float().split(1, dim=1)
    normal = maps.pop("normal").float() / 127.5 - 1
    bits = torch.tensor(list(BITS.values()), dtype=torch.uint8, device=planes.device)
    truth = planes[:, DEPTH:].bitwise_and(bits[:, None, None]) > 0
    return {name: values.float() / 255 for name, values in maps.items()} | {
        "normal": F.normalize(normal, dim=1),
        "height": (256 * high + low) / 65535,
        "truth": truth.float(),
        "game": batch["game"],
        **labels,
    }
