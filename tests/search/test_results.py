"""The files of a search, from trials that are made by hand."""

import csv

import pytest

optuna = pytest.importorskip("optuna")

from launch.search import results  # noqa: E402 - needs Optuna
from launch.search.engine import CONSTRAINTS, ERROR  # noqa: E402 - as above
from launch.search.search import read  # noqa: E402 - as above

SEARCH = read({"name": "s", "space": {"rate": "interval(0, 1)"}, "trials": 9}, ["seed_x=1"])
RATE = {"rate": optuna.distributions.FloatDistribution(0, 1)}


def trial(value, rate, state="COMPLETE", **attributes):
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[state], value=value, user_attrs=attributes,
        params={"rate": rate}, distributions=RATE,
    )  # fmt: skip


@pytest.fixture
def study():
    """Of seven trials the third has the lowest value, and violates a constraint."""
    study = optuna.create_study(direction="minimize")
    study.add_trials(
        [
            trial(0.5, 0.5),
            trial(0.3, 0.3),
            trial(0.1, 0.1, **{CONSTRAINTS: [0.2, -1.0]}),
            trial(0.9, 0.9, "PRUNED"),
            trial(None, 0.2, "FAIL", **{ERROR: "out of memory"}),
            trial(0.4, 0.4),
            trial(0.2, 0.2, **{CONSTRAINTS: [-0.1, 0.0]}),
        ]
    )
    return study


def test_the_best_comes_first_and_what_violates_a_constraint_last(study):
    assert [t.value for t in results.ranked(study)] == [0.2, 0.3, 0.4, 0.5, 0.1]


def test_the_best_so_far_only_falls_and_knows_no_trial_that_is_not_feasible(study):
    assert results.best_so_far(study) == ([0, 1, 5, 6], [0.5, 0.3, 0.3, 0.2])


def test_the_one_key_that_there_is_explains_everything(study):
    assert results.importances(study) == pytest.approx({"rate": 1.0})


def test_few_or_equal_trials_have_no_importances():
    study = optuna.create_study()
    study.add_trials([trial(0.5, rate / 10) for rate in range(8)])
    assert results.importances(study) == {}


def test_a_row_per_trial(study, tmp_path):
    results.write_csv(tmp_path, SEARCH, study)
    with (tmp_path / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == [*["completed"] * 3, "pruned", "failed",
                                              *["completed"] * 2]  # fmt: skip
    assert rows[2]["violation"] == "0.2" and rows[0]["violation"] == ""
    assert (rows[4]["value"], rows[4]["error"]) == ("", "out of memory")
    assert rows[5]["rate"] == "0.4"


def test_the_page_ranks_counts_and_names_failures(study, tmp_path):
    page = results.page(tmp_path, SEARCH, "loss", study)
    assert "7 of 9 trials: 5 completed, 1 failed, 1 pruned" in page
    table = [line.split() for line in page.splitlines() if f"{tmp_path.name}/00" in line]
    numbers = [row[-1].rstrip("|") if row[-1] != "|" else row[-2] for row in table]
    assert [number[-3:] for number in numbers] == ["006", "001", "005", "000", "002"]
    assert "Trial 4 failed: out of memory" in page
    assert "Settings of every trial: `seed_x=1`" in page


def test_all_three_files_are_written_and_shown(study, tmp_path, capsys):
    results.write_all(tmp_path, SEARCH, "loss", study)
    assert {path.name for path in tmp_path.iterdir()} == {"search.csv", "search.md", "search.png"}
    assert results.show(tmp_path, study) == 0
    assert "# Search s" in capsys.readouterr().out


def test_a_search_without_a_completed_trial_has_failed(tmp_path, capsys):
    study = optuna.create_study()
    results.write_all(tmp_path, SEARCH, "loss", study)
    assert results.show(tmp_path, study) == 1
