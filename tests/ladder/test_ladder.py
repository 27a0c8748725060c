"""What a ladder is: its rungs, which of them are chosen, and what is wrong with one."""

import pytest

from launch.composition.recipes import rungs_of
from launch.composition.typed import Typed
from launch.errors import ConfigError
from launch.ladder.ladder import choose, of_experiment, read


def section(*rungs, **others):
    listed = [rung if isinstance(rung, dict) else {"experiment": rung} for rung in rungs]
    return {"name": "toy", "rungs": listed, **others}


def test_rungs_are_chosen_by_the_last_part_of_their_names():
    whole = read(section("toy/a", "toy/b", "toy/c"))
    assert [r.experiment for r in choose(whole, ["c", "toy/a"]).rungs] == ["toy/a", "toy/c"]
    with pytest.raises(ConfigError, match="Did you mean"):
        choose(whole, ["toy/aa"])


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (["seed=2"], ["experiment=toy/a", "seed=2", "+x=1"]),
        (["seed=2", "rungs.a.seed=3"], ["experiment=toy/a", "seed=3", "+x=1"]),
        (["rungs.b.seed=3"], ["experiment=toy/a", "seed=1", "+x=1"]),
        (["run_dir=x", "ladder=toy"], ["experiment=toy/a", "seed=1", "+x=1"]),
    ],
)
def test_what_is_typed_wins_over_the_ladder_and_its_own_over_what_is_for_all(typed, wanted):
    ladder = read(section({"experiment": "toy/a", "overrides": ["seed=1", "+x=1"]}))
    assert ladder.overrides(ladder.rungs[0], Typed.read(typed)) == wanted


def test_an_experiment_of_several_trainings_is_a_ladder():
    ladder = of_experiment("pbr/phase_b", ["albedo", "maps"], rungs_of("pbr/phase_b"))
    assert [rung.experiment for rung in ladder.rungs] == ["pbr/phase_b/albedo", "pbr/phase_b/maps"]
    assert ladder.place(ladder.rungs[0]) == "albedo"
    with pytest.raises(ConfigError, match="Did you mean 'albedo'"):
        of_experiment("pbr/phase_b", ["albdo"], rungs_of("pbr/phase_b"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (section("toy/a", "toy/a"), "toy/a is there twice"),
        (section({"experiment": "toy/a", "gates": [{"type": "finit"}]}), "ladder.rungs.0.gates.0"),
        (section({"experiment": "toy/a", "gate": None}), "ladder.rungs.0.gate"),
        ({"name": "toy", "rungs": []}, "ladder.rungs"),
        (None, "ladder"),
    ],
)
def test_a_wrong_ladder_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        read(wrong)
