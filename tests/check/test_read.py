"""Values of a recipe's own sections, of which some are for one scale or one rung only."""

import pytest

from launch.check.configuration import require_read
from launch.composition.compose import compose, started
from launch.composition.typed import Typed
from launch.errors import ConfigError
from tests.compositions import trainings


@pytest.mark.parametrize(
    ("typed", "unread"),
    [
        ("recipe.epochs=3", "recipe.epochs: nothing reads it at scale=demo"),
        ("recipe.iterations=3", ""),
        ("scale=full recipe.epochs=3", ""),
        ("scale=full recipe.iterations=3", "nothing reads it at scale=full"),
        ("data.batch_size=3", ""),
    ],
)
def test_a_typed_value_that_nothing_reads_is_refused(typed, unread):
    texts = ["experiment=roi/standard", *typed.split()]
    with started():
        composition = compose(texts)
    if not unread:
        require_read([composition], Typed.read(texts))
        return
    with pytest.raises(ConfigError) as caught:
        require_read([composition], Typed.read(texts))
    assert unread in caught.value.message


def test_what_one_rung_reads_may_be_typed_for_all():
    texts = ["experiment=roi/deterministic_st", "recipe.alpha=0.3"]
    rungs = [*trainings(*texts).values()]
    require_read(rungs, Typed.read(texts))
    with pytest.raises(ConfigError, match="nothing reads it"):
        require_read(rungs[:1], Typed.read(texts))
