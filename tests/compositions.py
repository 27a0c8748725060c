"""Configurations as the front end composes them, without the command line."""

from typing import Any

from launch.composition.compose import Composition, compose, started
from launch.composition.typed import Typed, normalised
from launch.ladder.ladder import ladder_of
from launch.record.expand import expanded
from launch.start.start import checked


def composed(*typed: str) -> Composition:
    """What overrides compose to; `+experiment=sr/static` as one types it."""
    with started():
        return compose([*map(normalised, typed)])


def trainings(*typed: str) -> dict[str, Composition]:
    """The trainings of an experiment by rung, under "" if it is one alone."""
    overrides = [*map(normalised, typed)]
    with started():
        whole = compose(overrides)
        ladder = ladder_of(whole)
        if ladder is None:
            return {"": whole}
        read = Typed.read(overrides)
        return {r.short: compose(ladder.overrides(r, read)) for r in ladder.rungs}


def checked_configuration(*typed: str) -> dict[str, Any]:
    """The finished configuration that a run folder gets.

    Raises:
        LaunchError: for everything that is wrong with it.
    """
    with started():
        return checked(compose([*map(normalised, typed)]))


def configuration(*typed: str, rung: str = "") -> dict[str, Any]:
    """The finished configuration of a training, with what follows from it."""
    return expanded(trainings(*typed)[rung].plain)
