"""Each task as its function sees it; tests/front/test_command_line.py types them."""

import pytest

from launch.composition.compose import compose, started
from launch.composition.typed import Typed
from launch.errors import ConfigError
from launch.front import tasks
from launch.record.run import Run

STATIC = "experiment=sr/static"


@pytest.fixture(scope="module")
def hydra():
    with started():
        yield


@pytest.mark.parametrize(
    "typed, said",
    [
        (["ladder=pbr", STATIC], "+ladder=pbr says itself which experiments it climbs; leave one"),
        (["study=sr_ramps", STATIC], "+study=sr_ramps says itself which experiments it compares"),
    ],
)
def test_a_ladder_or_study_takes_no_experiment_beside_it(typed, said):
    with pytest.raises(ConfigError) as caught:
        tasks.require_one(Typed.read(typed))
    assert said in caught.value.message
    tasks.require_one(Typed.read([STATIC, "seed=1"]))


@pytest.mark.parametrize(
    "typed, said",
    [
        (["study=sr_ramps"], "a study is a sweep; add -m: "),
        (["search=tpe", STATIC], "a search is a sweep; add -m: "),
        ([STATIC, "+hydra.sweeper.params.seed='1,2'"], "is a sweep over seed; add -m: "),
    ],
)
def test_a_sweep_without_m_is_told_what_to_type(hydra, typed, said):
    with pytest.raises(ConfigError) as caught:
        tasks.require_single(compose(typed))
    assert said in caught.value.message
    assert "-m launch -m " in caught.value.message


@pytest.mark.parametrize(
    "typed, said",
    [
        ([], "which experiment? Type +experiment=NAME"),
        (["task=predict"], "task=predict needs from=latest, a run folder or a checkpoint"),
    ],
)
def test_a_command_without_an_experiment(hydra, typed, said):
    assert said in tasks.unnamed(compose(typed)).message


def test_a_mistyped_key_comes_before_the_experiment_that_is_missing(hydra):
    with pytest.raises(ConfigError, match="seed = -1"):
        tasks.unnamed(compose(["seed=-1"]))


def test_a_ladder_lies_where_its_command_finds_it_again(hydra):
    assert str(tasks.folder_of(compose(["ladder=pbr"]))) == "runs/ladder/pbr"
    assert str(tasks.folder_of(compose(["ladder=pbr", "run_dir=x"]))) == "x"


def stopped(folder, **record):
    run = Run(folder)
    run.note("end", status="interrupted", started="2026", **record)
    return run


def test_a_folder_that_cannot_be_resumed_names_one_that_can(here, tmp_path):
    assert tasks.suggested(Run(tmp_path / "x")) == " python -m launch task=runs lists the runs"
    stopped(tmp_path / "runs" / "sr" / "one")
    assert tasks.suggested(Run(tmp_path / "x")).endswith("resume=runs/sr/one")
    code, printed = here("resume=runs/sr/on")
    assert code == 2 and "Did you mean 'runs/sr/one'" in printed


def test_a_completed_run_goes_on_only_with_its_optimizer(here, worker):
    assert here(f"+{STATIC}", "run_dir=run", "trainer.keep_optimizer=false")[0] == 0
    assert "nothing to resume" in here("resume=run")[1]
    code, printed = here("resume=run", "trainer.max_iterations=9000")
    assert code == 2 and "has kept its weights alone" in printed
    assert len(worker.trained) == 1


def test_what_fails_leaves_no_folder_behind(here, worker, tmp_path):
    here(f"+{STATIC}", "run_dir=run")
    worker.codes = [1]
    code, _ = here("task=validate", "from=run", "run_dir=checked")
    assert code == 1
    assert not (tmp_path / "checked").exists()
    assert here("task=validate", "from=run", "run_dir=checked")[0] == 0
    assert Run(tmp_path / "checked").record["parents"][0]["reference"] == "from"


def test_what_is_shown_needs_no_experiment(here, worker):
    here(f"+{STATIC}", "run_dir=runs/a")
    assert "sr/static" in here("task=runs")[1]
    assert here("task=report", "output=report.html")[0] == 0
