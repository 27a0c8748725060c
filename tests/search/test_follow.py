"""A trial hears of the validations of its run, one by one in their order."""

import pytest

from launch.record.run import Run

optuna = pytest.importorskip("optuna")
follow = pytest.importorskip("launch.search.follow")
Follower, curve = follow.Follower, follow.curve


class After(optuna.pruners.BasePruner):
    """Prunes at the validation of a number."""

    def __init__(self, number):
        self.number = number

    def prune(self, study, trial):
        return len(trial.intermediate_values) >= self.number


@pytest.fixture
def run(tmp_path):
    """Three validations, of which one is not finite, and a line that is only half written."""
    lines = ["iteration,loss/total,psnr", "5,9.0,", "10,,20.0", "20,,nan", "30,,22.5", "40,,23"]
    (tmp_path / "metrics.csv").write_text("\n".join(lines))
    return Run(tmp_path)


def trial(number):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(pruner=After(number)).ask()


def test_a_curve_is_what_was_validated_and_finite(run):
    assert curve(run.folder, "psnr") == [(10, 20.0), (30, 22.5)]
    assert curve(run.folder / "missing", "psnr") == []


def test_every_validation_is_reported_once(run):
    asked = trial(number=9)
    follower = Follower(asked, run, "psnr")
    assert not follower.look() and not follower.look()
    (found,) = asked.study.get_trials()
    assert found.intermediate_values == {10: 20.0, 30: 22.5}


def test_where_it_is_pruned_does_not_depend_on_when_one_looked(run):
    follower = Follower(trial(number=1), run, "psnr")  # both are there before the first look
    assert follower.look()
    assert follower.pruned_at == 10


def test_a_pruned_run_is_asked_to_stop_while_it_trains(run, monkeypatch):
    monkeypatch.setattr(follow, "SECONDS_BETWEEN_LOOKS", 0.01)
    with Follower(trial(number=2), run, "psnr") as follower:
        follower._thread.join(timeout=20)
        assert run.is_asked_to_stop
    assert follower.pruned_at == 30


def test_the_last_validation_is_seen_at_the_end(run):
    with Follower(trial(number=2), run, "psnr") as follower:
        pass
    assert follower.pruned_at == 30
    assert not run.is_asked_to_stop  # it has ended already
