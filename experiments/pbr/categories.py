"""Which categories of a data set become which classes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

KEPT = ("ceramic", "fabric", "ground", "leather", "metal", "stone", "wood")
MERGED = {"concrete": "stone"}
DROPPED = ("plastic", "plaster", "terracotta", "misc")


@dataclass(frozen=True)
class Categories:
    """The hygiene of categories: what is kept, merged or dropped.

    Attributes:
        keep: the classes, in the order of their indices.
        merge: category -> class it counts as.
        drop: categories left out on purpose; any other unknown one is left out with a warning.
        marble: whether the game has marble; without it marble counts as stone.
        fur: whether fur is a class of its own, which is worth it from `fur_from` samples on.
    """

    keep: tuple[str, ...] = KEPT
    merge: Mapping[str, str] = field(default_factory=lambda: dict(MERGED))
    drop: tuple[str, ...] = DROPPED
    marble: bool = False
    fur: bool = False
    fur_from: int = 100

    def __post_init__(self) -> None:
        for source, target in self.merge.items():
            if target not in self.keep:
                raise ValueError(
                    f"categories.merge: {source} counts as {target}, which is not kept; "
                    f"kept are {', '.join(self.keep)}"
                )

    @property
    def names(self) -> tuple[str, ...]:
        """The classes by index; marble and fur come last, so that the others stay in place."""
        extra = [name for name, wanted in (("fur", self.fur), ("marble", self.marble)) if wanted]
        return (*self.keep, *(name for name in extra if name not in self.keep))

    def index(self, category: str) -> int | None:
        """The class of a category; None if it is left out."""
        category = category.strip().lower()
        if category == "marble" and not self.marble:
            category = "stone"
        category = self.merge.get(category, category)
        return self.names.index(category) if category in self.names else None

    def notes(self, counts: Mapping[str, int]) -> list[str]:
        """What the user should know about the categories found, one sentence each."""
        known = {*self.names, *self.merge, *self.drop, "marble", "fur"}
        found = [
            f"category {name!r} is unknown: {count} materials left out; name it in "
            "data.categories.merge or .drop"
            for name, count in counts.items()
            if name not in known
        ]
        fur = counts.get("fur", 0)
        if not self.fur and fur >= self.fur_from:
            found.append(f"{fur} samples of fur are enough for a class: data.categories.fur=true")
        if self.fur and fur < self.fur_from:
            found.append(f"only {fur} samples of fur; a class needs about {self.fur_from}")
        labelled = {self.index(name) for name in counts}
        empty = [name for i, name in enumerate(self.names) if i not in labelled]
        return [*found, *(f"class {name!r} has no sample" for name in empty)]

    def hint(self, counts: Mapping[str, int]) -> str:
        """What to do where categories were found, and none of them is a class; else empty."""
        if not counts or any(self.index(name) is not None for name in counts):
            return ""
        return (
            f". None of those is a class ({', '.join(self.names)}): a material lies below its "
            "category, CATEGORY/MATERIAL/albedo.png; data.categories.merge says what counts as what"
        )
