"""Searches as one types them, with a worker that trains nothing and answers by a formula."""

import csv
import math
import threading
from pathlib import Path

import pytest

from launch.record.run import Run
from launch.start import start

optuna = pytest.importorskip("optuna")

WEIGHT = "losses.pixel.loss_weight=interval(0, 4)"
FEATURES = "module.network.num_feat=choice(8, 16)"
SEARCH = ["-m", "+search=tpe", "+experiment=sr/static", WEIGHT, FEATURES, "search.metric=loss",
          "search.mode=min", "run_dir=search"]  # fmt: skip


@pytest.fixture
def worker(worker, monkeypatch):
    """`loss` falls to (w - 1)² + 16 / features; training fails where w is over 3.5."""

    def finish(run: Run, metric: str) -> None:
        weight = run.config["losses"]["pixel"]["loss_weight"]
        loss = (weight - 1) ** 2 + 16 / run.config["module"]["network"]["num_feat"]
        loss += run.config["seed"] / 10
        if weight > 3.5:
            run.finish("failed", error="out of memory")
            return
        lines = [f"{10 * n},{loss + 1 / n - 1 / 3}" for n in (1, 2, 3)]
        (run.folder / "metrics.csv").write_text("\n".join(["iteration,loss", *lines]) + "\n")
        run.finish("completed", metrics={"loss": loss}, iteration=30, exit_code=0)

    def work(run: Run, config: dict, lock: int) -> int:
        return worker(run, config, lock) or int(run.reread().status == "failed")

    worker.finish = finish
    monkeypatch.setattr(start, "work", work)
    return worker


def rows(folder="search"):
    with Path(folder, "search.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_it_finds_the_valley_and_records_every_trial(here, worker):
    code, printed = here(*SEARCH, "search.trials=15")
    assert code == 0, printed
    found = rows()
    assert [row["trial"] for row in found] == [str(n) for n in range(15)]
    states = {row["state"] for row in found}
    assert {"completed", "pruned"} <= states
    best = min((row for row in found if row["state"] == "completed"),
               key=lambda row: float(row["value"]))  # fmt: skip
    assert float(best["losses.pixel.loss_weight"]) == pytest.approx(1, abs=0.6)
    assert best["module.network.num_feat"] == "16"
    for row in found:
        failed = float(row["losses.pixel.loss_weight"]) > 3.5
        assert (row["state"] == "failed") == failed
        assert (row["error"] == "out of memory") == failed
    assert "importance" in printed


@pytest.mark.slow
def test_one_that_was_stopped_goes_on_as_if_it_had_not_been(here, worker):
    here(*SEARCH, "search.trials=8")
    whole = rows()
    elsewhere = [*SEARCH[:-1], "run_dir=killed"]
    finish = worker.finish

    def stop_in_the_sixth(run: Run, metric: str) -> None:
        if run.folder.parent.name == "005":
            raise SystemExit(143)
        finish(run, metric)

    worker.finish = stop_in_the_sixth
    assert here(*elsewhere, "search.trials=8")[0] == 143
    worker.finish = finish
    assert here(*elsewhere, "search.trials=8")[0] == 0
    assert rows("killed") == whole


def test_it_may_grow_and_is_not_mixed_with_another(here, worker):
    assert here(*SEARCH, "search.trials=3")[0] == 0
    code, printed = here(*SEARCH, "search.trials=3", "search.seed=1")
    assert code == 2
    assert "differs in seed (0 there, 1 here)" in printed
    assert here(*SEARCH, "search.trials=4")[0] == 0
    assert len(rows()) == 4


def test_a_mistake_in_the_space_is_told_before_any_trial(here, worker):
    code, printed = here(*SEARCH, "losses.pixle.loss_weight=interval(0, 1)")
    assert code == 2
    assert "losses.pixle" in printed
    assert worker.trained == []
    assert not Path("search").exists()


@pytest.mark.slow
def test_constraints_come_first(here, worker):
    """The best loss lies at w = 1, but `loss` has to stay above 1.5."""
    code, printed = here(
        *SEARCH, "search.trials=8", "search.pruner=null",
        "search.constraints=[{type: threshold, metric: loss, at_least: 1.5}]",
    )  # fmt: skip
    assert code == 0, printed
    first = next(line for line in (Path("search") / "search.md").read_text().splitlines()
                 if line.startswith("| ") and "yes" in line)  # fmt: skip
    kept = [r for r in rows() if r["state"] == "completed" and float(r["violation"]) <= 0]
    # `at_least` looks at the best validation, the first: loss + 2/3.
    assert all(float(row["value"]) + 2 / 3 >= 1.5 for row in kept)
    assert float(first.split("|")[2]) == pytest.approx(
        min(float(r["value"]) for r in kept), rel=1e-5
    )


def test_seeds_are_averaged(here, worker):
    here(*SEARCH, "search.trials=2", "search.seeds=[0,2]", "search.pruner=null")
    for row in rows():
        if row["state"] == "completed":
            runs = [Run(Path("search", f"{int(row['trial']):03d}", f"seed_{s}")) for s in (0, 2)]
            values = [run.record["metrics"]["loss"] for run in runs]
            assert values[1] == pytest.approx(values[0] + 0.2)
            assert float(row["value"]) == pytest.approx(sum(values) / 2)


def test_what_another_process_works_on_is_left_to_it(here, worker):
    """Two at once: each takes trials of its own, none waits for the other's."""
    here(*SEARCH, "search.trials=1")
    study = optuna.load_study(study_name="tpe", storage="sqlite:///search/search.db")
    other = study.ask()
    busy, done = threading.Event(), threading.Event()

    def work():
        with Run(Path("search/001")).lock():
            busy.set()
            done.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    busy.wait(60)
    here(*SEARCH, "search.trials=4")
    done.set()
    thread.join()
    states = [row["state"] for row in rows()]
    assert states[1] == "running"
    assert len(states) == 4
    here(*SEARCH, "search.trials=4")
    assert rows()[other.number]["state"] != "running"
    assert math.isfinite(float(rows()[0]["value"]))


def test_without_dash_m_it_says_so(here):
    code, printed = here("+search=tpe", "+experiment=sr/static")
    assert code == 2
    assert "a search is a sweep; add -m" in printed
