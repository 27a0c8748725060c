"""The trainings of a ladder of ladders, in order."""

from typing import Any

from launch.ladder.target import Target


def test_trainings_are_those_of_the_inner_ladders_in_order():
    ladder: Any = object()  # that there is one is all that counts

    def target(name, ladder=None, inner=()):
        return Target(name, ladder, {}, ladder, [(ladder, one) for one in inner])

    phase = target("b", ladder, [target("b/segformer"), target("b/albedo")])
    whole = target("all", ladder, [target("a"), phase])
    assert [one.name for one in whole.trainings()] == ["a", "b/segformer", "b/albedo"]
