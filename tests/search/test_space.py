"""A key that is searched, in Hydra's grammar of sweeps."""

import pytest

from launch.errors import ConfigError
from launch.search.space import dimension

distributions = pytest.importorskip("optuna").distributions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interval(0, 1)", distributions.FloatDistribution(0, 1)),
        ("tag(log, interval(1e-5, 1e-2))", distributions.FloatDistribution(1e-5, 1e-2, log=True)),
        ("int(interval(1, 8))", distributions.IntDistribution(1, 8)),
        ("range(0, 10, 3)", distributions.IntDistribution(0, 9, step=3)),
        ("range(0, 1, 0.25)", distributions.FloatDistribution(0, 0.75, step=0.25)),
        ("choice(linear, cosine)", distributions.CategoricalDistribution(("linear", "cosine"))),
        ("1,2", distributions.CategoricalDistribution(("1", "2"))),
    ],
)
def test_a_sweep_is_a_distribution(text, expected):
    assert dimension("key", text).distribution() == expected


def test_a_choice_is_typed_as_it_was_written():
    curves = dimension("+data.mix", "choice([[0,1],[9,0]], [[0,0.5]])")
    assert curves.override(curves.texts[0]) == "+data.mix=[[0,1],[9,0]]"


@pytest.mark.parametrize("text", ["3", "interval(0)", "interval(2, 1)", "glob(*)"])
def test_what_leaves_no_choice_is_refused(text):
    with pytest.raises(ConfigError, match=r"space\.key"):
        dimension("key", text)
