"""The data of a phase: clean materials and game textures, mixed, balanced, cropped, augmented."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_warn
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.utils.data import DataLoader

from launch.errors import ConfigError, MissingError
from launch.experiments.pbr import inspection
from launch.experiments.pbr.augment import Augmentation
from launch.experiments.pbr.cache import Prepared, prepare
from launch.experiments.pbr.categories import Categories
from launch.experiments.pbr.layers import CLEAN, DOMAINS, GAME, SCALARS, TARGETS, Material, unpack
from launch.experiments.pbr.samples import Sample, Samples, Views, expand
from launch.experiments.pbr.sources import Entry
from launch.experiments.pbr.teacher import class_shares, guess, pseudo_report
from launch.schedules import Schedule
from launch.train.data import ScheduledDataModule, rng

HELD_OUT = {CLEAN: 0.05, GAME: 0.10}
DRAW = 0xC0FFEE  # tells the draw of an epoch's materials from those of its samples
NAMED_AT_MOST = 20

Share = Annotated[float, Field(ge=0, le=1)]


class Source(Protocol):
    """Where materials come from; see `sources`."""

    def entries(self) -> list[Entry]: ...


class Textures(ScheduledDataModule):
    """Clean materials and game textures.

    Args:
        clean, game: sources; both are validated on wherever they are there.
        size: shorter side in pixels to which textures are reduced.
        feed: side of what a network sees.
        cache: folder of decoded materials.
        crop: side of the training window in texture pixels; a schedule that counts epochs, since a
            sample knows nothing else. Null for all of the texture.
        validation_crop: likewise, of the central window.
        game_share: share of game textures among the training samples.
        balanced: draw classes within each domain alike, with replacement: a material with
            1 / (materials of its class) ^ `sampler_power`.
        sampler_power: 1 for classes that are equally frequent, 0.5 for half way, above 1 for rare
            classes that lag behind.
        derived_share: how often a material whose diffuse was made from its albedo is drawn, against
            others.
        per_class: clean materials per class at most; null for all.
        relight: make the diffuse of every clean material from its albedo and normal.
        samples_per_epoch: null for as many as there are materials.
        teacher: a segmentation network whose classes game textures get where it is confident.

    Raises:
        ConfigError: for a crop that counts iterations.
    """

    def __init__(
        self,
        batch_size: PositiveInt,
        size: PositiveInt,
        feed: PositiveInt,
        cache: str,
        clean: Source | None = None,
        game: Source | None = None,
        crop: Schedule | None = None,
        validation_crop: PositiveInt | None = None,
        game_share: Share = 0.0,
        balanced: bool = False,
        sampler_power: NonNegativeFloat = 1.0,
        derived_share: Share = 1.0,
        augmentation: Augmentation | None = None,
        categories: Categories | None = None,
        per_class: PositiveInt | None = None,
        relight: bool = False,
        samples_per_epoch: PositiveInt | None = None,
        teacher: nn.Module | None = None,
        workers: NonNegativeInt = 0,
    ) -> None:
        super().__init__(batch_size, workers)
        if crop is not None and crop.unit != "epoch":
            raise ConfigError(
                f"data.crop counts by {crop.unit}s, but crops change from epoch to epoch; "
                "give data.crop.unit=epoch, and its points in epochs"
            )
        self.sources = {CLEAN: clean, GAME: game}
        self.size, self.feed, self.cache = size, feed, Path(cache)
        self.crop, self.validation_crop = crop, validation_crop
        self.shares = {CLEAN: 1 - game_share, GAME: game_share}
        self.balanced, self.augmentation = balanced, augmentation or Augmentation()
        self.sampler_power, self.derived_share = sampler_power, derived_share
        self.categories = categories or Categories()
        self.per_class, self.samples_per_epoch = per_class, samples_per_epoch
        self.relight = relight
        self.teacher = teacher
        self.prepared: dict[str, Prepared] = {}
        self.materials: list[Material] = []
        self.notes: list[str] = []
        self._stamp = ""

    def load(self, stage: str) -> None:
        held: list[Material] = []
        for domain, source in self.sources.items():
            if source is not None:
                train, validation = self._domain(domain, source)
                held += validation
                self.materials += train if self.shares[domain] > 0 else []
            elif self.shares[domain] > 0:
                raise MissingError(
                    f"this phase trains on {self.shares[domain]:.0%} {domain} textures; "
                    f"give data.{domain} a source, such as data=pbr/synthetic"
                )
        if self.teacher is not None:  # where the truth is known, it shows how good the teacher is
            textures = [*(m for m in self.materials if m.domain == GAME), *held]
            guess(self.teacher, textures, self.batch_size)
        self.teacher = None
        self.warn_of_enlarged([*self.materials, *held])
        self._probabilities = self.probabilities()
        places = self.samples_per_epoch or len(self.materials)
        self.train_set = Samples(
            self.materials, places, self.chosen, self.seed, self.crop, self.feed,
            self.augmentation, self.categories.names,
        )  # fmt: skip
        self.validation_set = Views(held, self.validation_crop, self.feed)

    def warn_of_enlarged(self, materials: Sequence[Material]) -> None:
        """Say that whole textures have fewer pixels than what the network is fed."""
        small = [m for m in materials if min(m.size) < self.feed]
        if self.crop is None and small:
            reason = f"files are reduced to data.size={self.size}"
            if self.size >= self.feed:
                reason = (
                    f"their files are smaller, such as {small[0].name} with {min(small[0].size)}"
                )
            note = (
                f"{len(small)} of {len(materials)} textures are enlarged to data.feed={self.feed} "
                f"pixels, which shows no more detail: {reason}"
            )
            self.notes.append(note)
            rank_zero_warn(note)

    def _domain(self, domain: str, source: Source) -> tuple[list[Material], list[Material]]:
        """Materials of a domain to train and to validate on.

        Raises:
            MissingError: if nothing can be used.
        """
        entries = source.entries()
        if self.relight and domain == CLEAN:
            entries = [entry.relit() for entry in entries]
        prepared = prepare(entries, self.categories, self.cache, self.size)
        self.prepared[domain] = prepared
        stamps = "".join(sorted(f"{e.name}|{e.stamp}" for e in entries))
        self._stamp += hashlib.sha256(stamps.encode()).hexdigest()
        self.notes += [*getattr(source, "notes", []), *prepared.notes()]
        if domain == CLEAN:
            self.notes += self.categories.notes(prepared.counts)
        if len(prepared.materials) < 2:
            raise MissingError(
                f"{len(prepared.materials)} usable {domain} textures of {len(entries)}, where two "
                f"are needed. {prepared.why_so_few()}{self.categories.hint(prepared.counts)}"
            )
        train, held = hold_out(prepared.materials, HELD_OUT[domain])
        return (limited(train, self.per_class) if domain == CLEAN else train), held

    # Sampling

    def chosen(self, epoch: int) -> np.ndarray:
        """Index of the material at every place of an epoch."""
        assert self.train_set is not None
        places, random = len(self.train_set), rng(self.seed, epoch, DRAW)  # type: ignore[arg-type]
        mixed = sum(share > 0 for share in self.shares.values()) > 1
        if self.balanced or mixed:
            return random.choice(len(self.materials), places, p=self._probabilities)
        passes = -(-places // len(self.materials))
        orders = [random.permutation(len(self.materials)) for _ in range(passes)]
        return np.concatenate(orders)[:places]

    def probabilities(self) -> np.ndarray:
        """How often each material is drawn: by the share of its domain, and balanced by class.

        Game textures without a class are one class of their own.
        """
        groups = [(m.domain, m.category if m.domain == CLEAN else None) for m in self.materials]
        counts = Counter(groups)
        power = self.sampler_power if self.balanced else 0.0
        weights = np.array([counts[group] ** -power for group in groups])
        derived = ["diffuse" in m.derived for m in self.materials]
        weights[derived] *= self.derived_share
        domains = np.array([m.domain for m in self.materials])
        for domain in DOMAINS:
            inside = domains == domain
            if inside.any():
                weights[inside] *= self.shares[domain] / weights[inside].sum()
        return weights / weights.sum()

    def class_weights(self) -> Tensor:
        """1 / sqrt(share of the class) in what is trained on, of mean 1; 1 if no class is known.

        Of game textures a teacher says the classes, pixel by pixel.
        """
        shares = torch.zeros(len(self.categories.names) + 1)
        for material in self.materials:
            if material.domain == CLEAN:
                shares[material.category] += 1
            elif material.guess is not None:
                shares += class_shares(material.guess, len(shares))
        shares = shares[:-1]
        weights, present = torch.ones(len(shares)), shares > 0
        if present.any():
            rarity = shares[present] ** -0.5
            weights[present] = rarity / rarity.mean()
        return weights

    def map_means(self) -> Tensor:
        """Mean of the single-channel maps by class, (K + 1, 4); the last row is that of all.

        A class without a map has the mean of all, and a map that nobody has 0.5.
        """
        sums = torch.zeros(2, len(self.categories.names) + 1, len(SCALARS))  # and their number
        for material in self.materials:
            maps = unpack(material.packed[:, ::8, ::8], SCALARS)
            rows = [-1] if material.category is None else [-1, material.category]
            for place, name in enumerate(SCALARS):
                if name in material.truth:
                    sums[:, rows, place] += torch.tensor([[maps[name].mean()], [1.0]])
        means = sums[0] / sums[1]  # NaN for 0 / 0
        means[-1] = means[-1].nan_to_num(0.5)
        return torch.where(means.isnan(), means[-1], means)

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        assert self.validation_set is not None
        return DataLoader(self.validation_set, self.batch_size, num_workers=0)

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """Samples travel as bytes; the device that trains makes floats of them."""
        return expand(batch)

    # What run.json says

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self._stamp}{self.size}".encode()).hexdigest()[:16]

    def inspect(self, folder: Path) -> list[str]:
        """What was found, what is missing and what is left out; `folder` gets a contact sheet."""
        self.teacher = None  # its guesses are no files
        self.setup("fit")
        for domain, prepared in self.prepared.items():
            inspection.draw(prepared.materials, folder / f"{domain}.png")
        return inspection.described(self.report())

    def report(self) -> dict[str, Any]:
        bad = [f"{n}: {why}" for p in self.prepared.values() for n, why in p.bad.items()]
        derived = Counter(
            f"{name} from {source}" for m in self.materials for name, source in m.derived.items()
        )
        missing = Counter(
            f"{m.domain} {name}" for m in self.materials for name in TARGETS if name not in m.truth
        )
        return {
            "materials": dict(Counter(m.domain for m in self.materials)),
            "classes": dict(self.prepared[CLEAN].counts) if CLEAN in self.prepared else {},
            "derived": dict(derived),
            "missing": dict(missing),
            "bad": bad[:NAMED_AT_MOST],
            "bad_count": len(bad),
            "notes": self.notes[:NAMED_AT_MOST],
            **pseudo_report(self.materials),
        }


def hold_out(materials: Sequence[Material], share: float) -> tuple[list[Material], list[Material]]:
    """Split off a share of every class, at least one, by a hash of the name.

    A class of one material keeps it for training.
    """
    ranked = sorted(materials, key=lambda m: hashlib.sha256(m.name.encode()).digest())
    sizes, taken = Counter(m.category for m in ranked), Counter()
    held: set[str] = set()
    for material in ranked:
        size = sizes[material.category]
        if taken[material.category] < max(1, round(share * size)) and size > 1:
            taken[material.category] += 1
            held.add(material.name)
    train = [m for m in materials if m.name not in held]
    return train, [m for m in materials if m.name in held]


def limited(materials: Sequence[Material], per_class: int | None) -> list[Material]:
    """At most so many materials of each class."""
    seen: Counter[int | None] = Counter()
    kept = []
    for material in materials:
        seen[material.category] += 1
        if per_class is None or seen[material.category] <= per_class:
            kept.append(material)
    return kept
