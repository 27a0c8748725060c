"""Climbing a ladder with a stand-in for `python -m launch`: order, gates, retries, continuing."""

import csv
import json

import pytest
from hydra import compose, initialize_config_dir

from launch import child, ladder
from launch.composition.explain import options
from launch.errors import ConfigError, LaunchError
from launch.ladder import Ladder, choose, read, settings
from launch.ladder import plan as ladder_plan
from launch.losses import files
from launch.record.run import CONF, Run, sha256

FINITE = {"type": "finite"}


def section(*rungs, **others):
    listed = [rung if isinstance(rung, dict) else {"experiment": rung} for rung in rungs]
    return {"name": "toy", "rungs": listed, **others}


class Trainings:
    """Stands for the children: each leaves a finished run, or ends as it is told to.

    Attributes:
        histories: experiment -> values of `val_loss`; a retry takes the next list.
        ends: experiment -> exit codes of its next children.
    """

    def __init__(self, histories=None, ends=None):
        self.histories, self.ends = histories or {}, ends or {}
        self.started = []

    def __call__(self, arguments):
        self.started.append(arguments)
        if arguments[0].startswith("resume="):
            run = Run(ladder.Path(arguments[0].removeprefix("resume=")))
            experiment = run.record["experiment"]
        else:
            experiment = arguments[0].removeprefix("+experiment=")
            typed = dict(a.split("=", 1) for a in arguments)
            run = Run(ladder.Path(typed["run_dir"]))
            run.start(experiment=experiment, task="train", scale="demo", overrides=arguments)
            (run.folder / "config.yaml").write_text("{}")
        code = self.ends.get(experiment, [0]).pop(0) if self.ends.get(experiment) else 0
        if code:
            run.update(status="running")
            return code
        self.finish(run, self.histories.get(experiment, [[1.0, 0.5, 0.25]]))
        return 0

    def finish(self, run, histories):
        history = histories.pop(0) if len(histories) > 1 else histories[0]
        with (run.folder / "metrics.csv").open("w") as file:
            writer = csv.writer(file)
            writer.writerows([["iteration", "loss/total", "val_loss"], [0, 9.0, ""]])
            writer.writerows([[10 * i, "", v] for i, v in enumerate(history, 1)])
        (run.folder / "checkpoints").mkdir(exist_ok=True)
        run.best.write_text(str(len(self.started)))
        best = 10 * (1 + history.index(min(history)))
        run.finish("completed", metrics={"val_loss": history[-1]}, best={"iteration": best})


@pytest.fixture
def climb(tmp_path, monkeypatch):
    """Climb a ladder in one folder; returns the exit code."""
    monkeypatch.setattr(ladder, "composed", lambda overrides, folder: {})

    def climb(trainings, described, *shared):
        monkeypatch.setattr(child, "launch", trainings)
        spec = described if isinstance(described, Ladder) else read(described)
        ladder.require(spec, tmp_path, list(shared))
        return ladder.climb(spec, tmp_path, list(shared))

    climb.folder = tmp_path
    return climb


def started(trainings):
    return [arguments[0].split("=")[1].rpartition("/")[2] for arguments in trainings.started]


def record(folder):
    return json.loads((folder / "ladder.json").read_text())


def test_rungs_are_climbed_in_order_each_in_its_own_folder(climb):
    trainings = Trainings()
    rung = {"experiment": "toy/b", "overrides": ["trainer.max_epochs=2", "seed=1"]}
    assert climb(trainings, section("toy/a", rung), "seed=3") == 0
    place = ["needs=require", f"run_dir={climb.folder}/toy/a", f"runs={climb.folder}"]
    assert trainings.started[0] == ["+experiment=toy/a", "seed=3", *place]
    assert trainings.started[1][:3] == ["+experiment=toy/b", "trainer.max_epochs=2", "seed=3"]
    assert [r["status"] for r in record(climb.folder)["rungs"]] == ["completed", "completed"]


def test_the_same_command_continues_what_was_interrupted_and_skips_what_is_finished(climb):
    trainings = Trainings(ends={"toy/b": [143]})
    assert climb(trainings, section("toy/a", "toy/b", "toy/c")) == 143
    assert record(climb.folder)["status"] == "interrupted"
    assert climb(trainings, section("toy/a", "toy/b", "toy/c")) == 0
    assert started(trainings) == ["a", "b", "b", "c"]
    assert trainings.started[2] == [f"resume={climb.folder}/toy/b"]
    assert record(climb.folder)["status"] == "completed"


def test_a_rung_that_crashed_ends_the_climb_with_its_exit_code(climb):
    trainings = Trainings(ends={"toy/a": [1]})
    assert climb(trainings, section("toy/a", "toy/b")) == 1
    assert started(trainings) == ["a"]


def test_a_run_of_other_settings_is_not_mixed_in(climb):
    climb(Trainings(), section("toy/a"), "seed=1")
    with pytest.raises(ConfigError, match="made with seed=1 where the ladder now has seed=2"):
        climb(Trainings(), section("toy/a"), "seed=2")


def test_a_parent_that_is_another_file_now_is_refused(climb, capsys):
    climb(Trainings(), section("toy/a", "toy/b"))
    parent = Run(climb.folder / "toy" / "a").best
    parents = [{"folder": "a", "checkpoint": str(parent), "sha256": sha256(parent)}]
    Run(climb.folder / "toy" / "b").update(parents=parents)
    assert climb(Trainings(), section("toy/a", "toy/b")) == 0
    parent.write_text("trained again")
    assert climb(Trainings(), section("toy/a", "toy/b")) == 3
    assert "another file since" in capsys.readouterr().out


SPIKE = {"type": "spike", "metric": "val_loss", "factor": 1.2}


@pytest.mark.parametrize(("on_fail", "code", "names"), [("warn", 0, "ab"), ("stop", 4, "a")])
def test_a_closed_gate_warns_or_stops(climb, capsys, on_fail, code, names):
    trainings = Trainings({"toy/a": [[1.0, 2.0]]})
    rung = {"experiment": "toy/a", "gates": [FINITE, SPIKE | {"on_fail": on_fail}]}
    assert climb(trainings, section(rung, "toy/b")) == code
    assert started(trainings) == list(names)
    gate = Run(climb.folder / "toy" / "a").record["gate"]
    assert gate["passed"] is False
    assert [rule["passed"] for rule in gate["rules"]] == [True, False]
    assert gate["rules"][1]["values"] == {"before": 1.0, "after": 2.0}
    assert f"gate spike closed ({on_fail}): val_loss went from 1 to 2" in capsys.readouterr().out


RETRY = SPIKE | {"on_fail": "retry", "remedy": ["trainer.max_epochs=4"]}


def test_a_gate_can_ask_for_another_try_with_a_remedy(climb):
    trainings = Trainings({"toy/a": [[1.0, 2.0], [1.0, 0.9]]})
    described = section({"experiment": "toy/a", "gates": [RETRY]}, "toy/b")
    assert climb(trainings, described) == 0
    assert started(trainings) == ["a", "a", "b"]
    assert "trainer.max_epochs=4" in trainings.started[1]
    retried = record(climb.folder)["rungs"][0]
    assert retried["folder"].endswith("toy/a_retry")
    assert retried["gate"]["passed"] is True
    assert Run(climb.folder / "toy" / "a").record["gate"]["rules"][0]["action"] == "retry"
    assert climb(trainings, described) == 0
    assert len(trainings.started) == 3


@pytest.mark.parametrize(("then", "code", "names"), [("stop", 4, "aa"), ("warn", 0, "aab")])
def test_a_gate_that_stays_closed_after_its_remedy(climb, then, code, names):
    trainings = Trainings({"toy/a": [[1.0, 2.0]]})
    rung = {"experiment": "toy/a", "gates": [RETRY | {"then": then}]}
    assert climb(trainings, section(rung, "toy/b")) == code
    assert started(trainings) == list(names)


def test_a_stop_during_a_retry_is_continued_there(climb):
    trainings = Trainings({"toy/a": [[1.0, 2.0], [1.0, 0.9]]}, {"toy/a": [0, 143]})
    described = section({"experiment": "toy/a", "gates": [RETRY]})
    assert climb(trainings, described) == 143
    assert climb(trainings, described) == 0
    assert trainings.started[-1] == [f"resume={climb.folder}/toy/a_retry"]


def test_forgetting_looks_at_the_best_checkpoint_of_an_earlier_rung(climb):
    trainings = Trainings({"toy/a": [[0.5, 0.2, 0.6]], "toy/b": [[0.3]]})
    gate = {"type": "forgetting", "metric": "val_loss", "mode": "min", "since": "toy/a"}
    climb(trainings, section("toy/a", {"experiment": "toy/b", "gates": [gate]}))
    rule = Run(climb.folder / "toy" / "b").record["gate"]["rules"][0]
    assert rule["values"] == {"before": 0.2, "now": 0.3}
    assert rule["passed"] is False


def test_the_table_has_a_line_for_each_rung(climb):
    described = section({"experiment": "toy/a", "gates": [FINITE]}, "toy/b", metrics=["val*"])
    climb(Trainings(), described)
    lines = (climb.folder / "ladder.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:6]]
    assert cells[0] == ["rung", "job", "status", "val*", "minutes", "gates"]
    assert cells[2][:4] == ["toy/a", "", "completed", "0.25"]
    assert cells[2][5] == "open"
    assert "- toy/a: finite open: all metrics of 3 validations are finite" in lines


def test_rungs_are_chosen_by_the_last_part_of_their_names():
    whole = read(section("toy/a", "toy/b", "toy/c"))
    assert [r.experiment for r in choose(whole, "[c,toy/a]").rungs] == ["toy/a", "toy/c"]
    with pytest.raises(ConfigError, match="Did you mean"):
        choose(whole, "[toy/aa]")


def test_what_is_typed_wins_over_the_ladder_and_a_remedy_over_both():
    rung = read(section({"experiment": "toy/a", "overrides": ["seed=1", "+x=1"]})).rungs[0]
    assert settings(rung, ["seed=2"]) == ["+experiment=toy/a", "seed=2", "+x=1"]
    assert settings(rung, ["seed=2"], ["++seed=3"])[1] == "++seed=3"


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


@pytest.mark.parametrize("scale", ["demo", "full"])
@pytest.mark.parametrize("name", options("ladder"))
def test_every_rung_of_a_shipped_ladder_composes_and_so_do_the_remedies(
    monkeypatch, tmp_path, name, scale
):
    monkeypatch.setattr(files.Checkpoint, "locate", lambda *_: tmp_path)  # as if all were there
    with initialize_config_dir(str(CONF), version_base="1.3"):
        shipped = read(compose("launch", [f"+ladder={name}"]).ladder)
        ladder.require(shipped, tmp_path, [f"scale={scale}"])
        last = ladder.composed(ladder.settings(shipped.rungs[-1], []), tmp_path)
    assert last["task"] == "train"


def test_a_missing_pretrained_network_is_told_before_the_first_rung(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        shipped = read(compose("launch", ["+ladder=pbr"]).ladder)
        with pytest.raises(LaunchError, match=r"phase_a0, .*rung albedo.*alexnet-owt-7be5be79"):
            ladder.require(shipped, tmp_path, ["scale=full"])
        ladder.require(shipped, tmp_path, ["scale=full", "recipe.lpips.weights=random"])
        ladder_plan.jobs(shipped.rungs[0], tmp_path, ["scale=full"], {})  # a plan needs none


def test_a_prediction_needs_the_pretrained_files_of_its_run_only(monkeypatch, tmp_path):
    """Its recipe is that of the run it comes from, which may have trained without any."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    typed = ["+experiment=pbr/phase_d_alb", "scale=full"]
    predict = ["task=predict", "from=latest", f"input={tmp_path}", "output=maps"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert ladder.composed([*typed, *predict], tmp_path)["task"] == "predict"
        with pytest.raises(LaunchError, match="alexnet-owt-7be5be79"):
            ladder.composed(typed, tmp_path)
