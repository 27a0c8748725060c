"""Optuna behind a search: what it proposes depends on the trials that ended, not on who asks."""

import pytest

from launch.errors import ConfigError

optuna = pytest.importorskip("optuna")

from launch.search import engine  # noqa: E402 - needs Optuna
from launch.search.search import read  # noqa: E402 - as above

SPACE = {"a": "interval(0, 1)"}


def search(**settings):
    return read({"name": "s", "space": SPACE} | settings, [])


def proposals(study, searched, number):
    """The first values that trials get, each of which ends with its own value."""
    values = []
    for _ in range(number):
        study.sampler = engine.sampler(searched, len(study.trials))
        trial = study.ask()
        values.append(trial.suggest_float("a", 0, 1))
        study.tell(trial, values[-1])
    return values


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, storage):
    (tmp_path / "parts").mkdir()
    described = search(storage=storage, sampler={"type": "TPESampler", "n_startup_trials": 2})
    whole = proposals(engine.opened(described, "min", tmp_path), described, 6)
    first = proposals(engine.opened(described, "min", tmp_path / "parts"), described, 3)
    then = proposals(engine.opened(described, "min", tmp_path / "parts"), described, 3)
    assert first + then == whole
    assert len(set(whole)) == 6


def test_another_seed_proposes_other_values(tmp_path):
    (tmp_path / "other").mkdir()
    one = proposals(engine.opened(search(), "max", tmp_path), search(), 2)
    other = proposals(engine.opened(search(seed=1), "max", tmp_path / "other"), search(seed=1), 2)
    assert one != other


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"sampler": {"type": "TPESamplr"}}, "sampler: there is no TPESamplr. Did you mean 'TPES"),
        ({"sampler": {"type": "GridSampler"}}, "sampler: there is no GridSampler"),
        ({"sampler": {"type": "TPESampler", "n_startup": 1}}, "TPESampler has no 'n_startup'. Did"),
        ({"pruner": {"type": "NopeePruner"}}, "pruner: there is no NopeePruner. Did you mean 'Nop"),
        ({"pruner": {"type": "PercentilePruner", "percentile": -1}}, "PercentilePruner: "),
    ],
)
def test_a_sampler_or_pruner_that_cannot_be_is_told(tmp_path, settings, said):
    with pytest.raises(ConfigError) as caught:
        engine.opened(search(**settings), "min", tmp_path)
    assert said in caught.value.message


@pytest.mark.parametrize("violations, kept", [([], True), ([0.0, -1], True), ([-1, 0.1], False)])
def test_a_trial_is_feasible_where_no_constraint_is_violated(violations, kept):
    attributes = {engine.CONSTRAINTS: violations}
    trial = optuna.trial.create_trial(value=0.0, user_attrs=attributes)
    assert engine.is_feasible(trial) is kept
