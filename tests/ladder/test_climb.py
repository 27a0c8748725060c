"""Climbing with a worker that trains nothing: order, parents, gates, retries, continuing."""

import json
from pathlib import Path

import pytest

from launch.composition.compose import started
from launch.composition.recipes import names
from launch.errors import LaunchError
from launch.ladder.climb import Climber
from launch.losses import files
from launch.record.run import Run
from tests.compositions import composed

AB = "rungs: [{experiment: toy/a}, {experiment: toy/b}]"
ABC = "rungs: [{experiment: toy/a}, {experiment: toy/b}, {experiment: toy/c}]"


def record(folder: Path):
    return json.loads((folder / "ladder.json").read_text())


def test_rungs_are_climbed_in_order_each_in_its_own_folder(climb, worker):
    rung = "{experiment: toy/b, overrides: [trainer.max_iterations=9, seed=1]}"
    code, printed = climb(f"rungs: [{{experiment: toy/a}}, {rung}]", "seed=3")
    assert code == 0, printed
    assert worker.trained == [climb.folder / "toy/a", climb.folder / "toy/b"]
    config = worker.configs[climb.folder / "toy/b"]
    assert (config["seed"], config["trainer"]["max_iterations"]) == (3, 9)  # typed wins
    assert [r["status"] for r in record(climb.folder)["rungs"]] == ["completed", "completed"]


def test_a_key_of_the_rungs_is_typed_beside_the_ladder(climb, worker):
    code, printed = climb(AB, "data.scenes=4", "rungs.b.data.scenes=5")
    assert code == 0, printed
    assert [config["data"]["scenes"] for config in worker.configs.values()] == [4, 5]
    assert "data.scenes=4" in Run(climb.folder).record["command"]


def test_a_rung_starts_from_the_best_of_the_one_before(climb):
    climb(AB)
    (parent,) = Run(climb.folder / "toy/b").record["parents"]
    first = Run(climb.folder / "toy/a")
    assert parent["checkpoint"] == str(first.best)
    assert parent["identity"] == first.record["identity"]


def test_the_same_command_continues_what_was_interrupted_and_skips_what_is_finished(climb, worker):
    worker.ends = {"b": [143]}
    assert climb(ABC)[0] == 143
    assert record(climb.folder)["status"] == "interrupted"
    assert climb(ABC)[0] == 0
    assert worker.names == ["a", "b", "b", "c"]
    assert record(climb.folder)["status"] == "completed"


def test_a_rung_that_crashed_ends_the_climb_with_its_exit_code(climb, worker):
    worker.ends = {"a": [1]}
    assert climb(AB)[0] == 1
    assert worker.names == ["a"]


def test_a_run_of_other_settings_is_not_mixed_in(climb, worker):
    climb(AB, "seed=1")
    code, printed = climb(AB, "seed=2")
    assert code == 2
    assert "seed (1 there, 2 here)" in printed
    assert len(worker.trained) == 2


def test_a_parent_that_is_another_file_now_is_refused(climb):
    assert climb(AB)[0] == 0
    Run(climb.folder / "toy/a").best.write_text("trained again")
    code, printed = climb(AB)
    assert code == 3
    assert "is not the file that its run recorded" in printed


SPIKE = "{type: spike, metric: val_loss, factor: 1.2, "


def gated(gate: str) -> str:
    return (
        f"rungs: [{{experiment: toy/a, gates: [{{type: finite}}, {gate}]}}, {{experiment: toy/b}}]"
    )


@pytest.mark.parametrize(("on_fail", "code", "run"), [("warn", 0, "ab"), ("stop", 4, "a")])
def test_a_closed_gate_warns_or_stops(climb, worker, on_fail, code, run):
    worker.histories = {"a": [[1.0, 2.0]]}
    ended, printed = climb(gated(f"{SPIKE}on_fail: {on_fail}}}"))
    assert ended == code, printed
    assert worker.names == list(run)
    gate = Run(climb.folder / "toy/a").record["gate"]
    assert [rule["passed"] for rule in gate["rules"]] == [True, False]
    assert gate["rules"][1]["values"] == {"before": 1.0, "after": 2.0}
    assert f"gate spike closed ({on_fail}): val_loss went from 1 to 2" in printed


RETRY = f"{SPIKE}on_fail: retry, remedy: [trainer.max_iterations=4]"


def test_a_gate_can_ask_for_another_try_with_a_remedy(climb, worker):
    worker.histories = {"a": [[1.0, 2.0]], "a_retry": [[1.0, 0.9]]}
    assert climb(gated(f"{RETRY}}}"))[0] == 0
    assert worker.names == ["a", "a_retry", "b"]
    assert worker.configs[worker.trained[1]]["trainer"]["max_iterations"] == 4
    retried = record(climb.folder)["rungs"][0]
    assert retried["folder"].endswith("toy/a_retry")
    assert retried["gate"]["passed"] is True
    (parent,) = Run(climb.folder / "toy/b").record["parents"]
    assert parent["folder"].endswith("toy/a_retry")
    assert climb(gated(f"{RETRY}}}"))[0] == 0
    assert len(worker.trained) == 3


def test_a_remedy_that_two_gates_ask_for_is_given_once(climb, worker):
    worker.histories = {"a": [[1.0, 2.0]], "a_retry": [[1.0, 0.9]]}
    code, printed = climb(gated(f"{RETRY}}}, {RETRY}}}"))
    assert code == 0
    assert "once more with trainer.max_iterations=4\n" in printed


@pytest.mark.parametrize(("then", "code", "count"), [("stop", 4, 2), ("warn", 0, 3)])
def test_a_gate_that_stays_closed_after_its_remedy(climb, worker, then, code, count):
    worker.histories = {"a": [[1.0, 2.0]], "a_retry": [[1.0, 2.0]]}
    assert climb(gated(f"{RETRY}, then: {then}}}"))[0] == code
    assert len(worker.trained) == count


def test_a_stop_during_a_retry_is_continued_there(climb, worker):
    worker.histories = {"a": [[1.0, 2.0]]}
    worker.ends = {"a_retry": [143]}
    assert climb(gated(f"{RETRY}}}"))[0] == 143
    assert climb(gated(f"{RETRY}}}"))[0] == 0
    assert worker.names == ["a", "a_retry", "a_retry", "b"]


def test_forgetting_looks_at_the_best_checkpoint_of_an_earlier_rung(climb, worker):
    worker.histories = {"a": [[0.5, 0.2, 0.6]], "b": [[0.3]]}
    gate = "{type: forgetting, metric: val_loss, mode: min, since: toy/a}"
    climb(f"rungs: [{{experiment: toy/a}}, {{experiment: toy/b, gates: [{gate}]}}]")
    rule = Run(climb.folder / "toy/b").record["gate"]["rules"][0]
    assert rule["values"] == {"before": 0.2, "now": 0.3}
    assert rule["passed"] is False


def test_the_table_has_a_line_for_each_rung(climb):
    gate = "gates: [{type: finite}]"
    climb(f"rungs: [{{experiment: toy/a, {gate}}}, {{experiment: toy/b}}]\nmetrics: [val*]")
    lines = (climb.folder / "ladder.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:6]]
    assert cells[0] == ["rung", "job", "status", "val*", "minutes", "gates"]
    assert cells[2][:4] == ["toy/a", "", "completed", "0.25"]
    assert cells[2][5] == "open"


@pytest.mark.parametrize(
    ("typed", "code", "answer"),
    [
        (["rungs=[toy/aa]"], 2, "Did you mean 'toy/a'"),
        (["trainer.max_iteration=3"], 2, "Did you mean 'trainer.max_iterations'"),
        (["needs=require", "rungs=[b]"], 3, "needs a finished run of toy/a"),
        (["rungs=[b]"], 3, "needs a finished run of toy/a"),  # rungs start from each other only
    ],
)
def test_what_cannot_be_climbed_is_told_before_anything_trains(climb, worker, typed, code, answer):
    ended, printed = climb(AB, *typed)
    assert (ended, worker.trained) == (code, []), printed
    assert answer in printed
    assert "Traceback" not in printed


# What comes first


def test_a_missing_parent_is_trained_first_with_the_settings_that_concern_it(climb, here, worker):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")  # writes the files
    code, printed = here("+experiment=toy/c", "seed=4", "losses.pixel.loss_weight=2", "run_dir=c")
    assert code == 0, printed
    assert "3 experiments, 3 trainings: toy/a, then toy/b, then toy/c" in printed
    shown = [(c["name"], c["seed"], c["losses"]["pixel"]["loss_weight"])
             for c in worker.configs.values()]  # fmt: skip
    assert shown == [("toy/a", 4, 1.0), ("toy/b", 4, 1.0), ("toy/c", 4, 2)]


@pytest.mark.parametrize(
    "other",
    ["seed=1", "trainer.max_iterations=2", "data.crop=16", "trainer.threads=1", "scale=full"],
)
def test_a_parent_of_other_settings_is_not_taken(climb, here, worker, other):
    """Whatever differs: climbing now would give another one."""
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")
    assert here("+experiment=toy/a", other, "run_dir=runs/a")[0] == 0
    code, printed = here("+experiment=toy/b", "needs=require", "run_dir=b")
    assert code == 3
    assert "needs a finished run of toy/a with these settings" in printed
    assert here("+experiment=toy/b", other, "needs=require", "run_dir=b")[0] == 0
    assert worker.names == ["a", "b"]


def test_needs_none_starts_afresh(climb, here, worker):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")
    assert here("+experiment=toy/b", "needs=none", "run_dir=b")[0] == 0
    (parent,) = Run(Path("b")).record["parents"]
    assert parent == {"reference": "experiment:toy/a", "checkpoint": None}


def test_an_interrupted_parent_is_continued_by_the_same_command(climb, here, worker):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")
    worker.codes = [143]
    assert here("+experiment=toy/b", "run_dir=b")[0] == 143
    assert here("+experiment=toy/b", "run_dir=b")[0] == 0
    assert len(list(Path("runs/toy/a").iterdir())) == 1
    assert len(worker.trained) == 3


def test_a_missing_rung_of_another_experiment_climbs_it_whole(climb, here, worker):
    climb("rungs: [{experiment: toy/a}]", "--cfg", "job")
    assert here("+experiment=toy/d", "run_dir=d")[0] == 0
    assert worker.names == ["first", "second", "d"]


# The shipped ladders


@pytest.mark.parametrize("scale", ["demo", pytest.param("full", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", names("ladder"))
def test_every_rung_of_a_shipped_ladder_composes_and_so_do_the_remedies(
    monkeypatch, tmp_path, name, scale
):
    monkeypatch.setattr(files.Checkpoint, "locate", lambda *_: tmp_path)  # as if all were there
    composition = composed(f"+ladder={name}", f"scale={scale}")
    with started():
        target = Climber(tmp_path, "require", []).described(composition)
    assert all(t.config["scale"] == scale for t in target.trainings())


@pytest.mark.slow
def test_a_missing_pretrained_network_is_told_before_the_first_rung(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    full, random = (
        composed("+ladder=pbr", "scale=full", *typed)
        for typed in ([], ["recipe.lpips.weights=random"])
    )
    with started():
        with pytest.raises(LaunchError, match=r"alexnet-owt-7be5be79"):
            Climber(tmp_path, "require", []).described(full)
        assert Climber(tmp_path, "require", []).described(random).inner


def test_a_sweep_of_ladders_changes_what_only_their_trainings_have(climb, worker):
    """`module` is no key of a ladder itself."""
    code, printed = climb(
        "rungs: [{experiment: toy/a}, {experiment: toy/b}]",
        *("-m", "module.network.num_conv=2,3", "rungs.b.seed=4,5", "run_dir=sweep"),
    )
    assert code == 0, printed
    settings = {
        str(folder): (config["module"]["network"]["num_conv"], config["seed"])
        for folder, config in worker.configs.items()
    }
    assert settings == {
        "sweep/0/toy/a": (2, 0), "sweep/0/toy/b": (2, 4),
        "sweep/1/toy/a": (2, 0), "sweep/1/toy/b": (2, 5),
        "sweep/2/toy/a": (3, 0), "sweep/2/toy/b": (3, 4),
        "sweep/3/toy/a": (3, 0), "sweep/3/toy/b": (3, 5),
    }  # fmt: skip


def test_a_key_that_no_rung_of_a_swept_ladder_has_is_refused_before_it_starts(climb, worker):
    code, printed = climb("rungs: [{experiment: toy/a}]", "-m", "module.netwrok.num_conv=2,3")
    assert code == 2, printed
    assert "Did you mean 'module.network" in printed
    assert not worker.trained
