"""What a climb consists of: trainings, and ladders of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from launch.composition.compose import Composition, Config
from launch.ladder.ladder import Ladder, Rung


@dataclass(frozen=True)
class Target:
    """A training or a ladder, composed and checked.

    Attributes:
        config: of a training, checked; of a ladder, that of its root.
        ladder: None for a training.
        inner: of a ladder, its rungs with what they are.
    """

    name: str
    composition: Composition
    config: Config
    ladder: Ladder | None = None
    inner: "list[tuple[Rung, Target]]" = field(default_factory=list)

    def trainings(self) -> "Iterator[Target]":
        """The trainings in it, in order."""
        if self.ladder is None:
            yield self
        for _, target in self.inner:
            yield from target.trainings()
