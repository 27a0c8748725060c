"""What a `search:` section says."""

import pytest

from launch.errors import ConfigError
from launch.search.search import read

RAMP = {
    "name": "ramp",
    "space": {"gan.start_iter": "range(0, 100, 10)", "length": "range(10, 50, 10)"},
    "sums": {"gan.target_iter": ["gan.start_iter", "length"]},
}


def test_the_end_of_a_ramp_is_its_start_plus_its_length():
    search = read(RAMP, ["experiment=sr/gan_ramp"])
    overrides = search.overrides({"gan.start_iter": 30, "length": 40}, seed=7)
    assert overrides == [
        "experiment=sr/gan_ramp", "gan.start_iter=30", "gan.target_iter=70", "seed=7",
    ]  # fmt: skip


def test_what_is_typed_beside_it_is_searched_or_holds_for_all():
    search = read({"name": "x"}, ["+losses.gan.start_iter=range(3)", "trainer.threads=1"])
    assert search.overrides({"+losses.gan.start_iter": 2}, 0) == [
        "trainer.threads=1", "+losses.gan.start_iter=2", "seed=0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": {}}, "nothing to choose; type a range"),
        ({"spaces": {}}, "there is no 'spaces'. Did you mean 'space'"),
        ({"sums": {"gan.target_iter": ["lengths"]}}, "lengths is not in the space. Did you mean"),
        ({"metric": "psnr"}, "metric and mode are given together"),
        ({"space": {"seed": "range(3)"}}, r"search.seeds=\[0,1,2\]"),
        ({"constraints": [{"type": "treshold"}]}, "constraints"),
    ],
)
def test_mistakes_are_told(change, message):
    with pytest.raises(ConfigError, match=message):
        read(RAMP | change, [])
