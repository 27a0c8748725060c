"""A project outside the repository: own pieces everywhere, nothing here changed for it.

Its loss, mask, data, module and callback lie in `project/stars`, its schedule and gate too. These
tests run it in this process; `test_wheel.py` does the same beside an installed wheel.
"""

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import launch
from launch.record import targets
from launch.source import definitions
from launch.start import start
from tests.command_line import work_here
from tests.conftest import answer

PROJECT = Path(__file__).parent / "project"
FILES = [path for path in sorted(PROJECT.rglob("*")) if path.suffix in (".py", ".yaml", ".toml")]


def forget():
    """What this process remembers of the project in the current folder."""
    for kept in (targets.listed, targets.packages, targets.dependencies):
        kept.cache_clear()
    definitions.load.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "stars"]:
        del sys.modules[name]


@pytest.fixture
def stars(tmp_path, monkeypatch):
    """The project in a folder of its own, as the current one."""
    folder = shutil.copytree(PROJECT, tmp_path / "stars", ignore=lambda *_: ["__pycache__"])
    monkeypatch.chdir(folder)
    monkeypatch.setattr(start, "work", work_here)
    monkeypatch.setattr(sys, "path", [*sys.path])
    forget()
    yield folder
    forget()


def trained(run, *typed):
    code, printed = answer("+experiment=stars/first", f"run_dir={run}", *typed)
    assert code == 0, printed
    return json.loads(Path(run, "run.json").read_text())


def checkpoint(run):
    return torch.load(Path(run, "checkpoints", "last.ckpt"), weights_only=True)


def test_it_is_small():
    lines = [line for path in FILES for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) <= 120


def test_it_trains_and_resumes_bit_for_bit(stars):
    trained("whole", "trainer.max_iterations=30")
    trained("parts", "trainer.max_iterations=12")
    code, printed = answer("resume=parts", "trainer.max_iterations=30")
    assert code == 0, printed

    one, other = checkpoint("whole"), checkpoint("parts")
    torch.testing.assert_close(other["state_dict"], one["state_dict"], rtol=0, atol=0)
    assert other["state_dict"]["scheduled_masks._extra_state"]["memory"] == [{"open": 14.5}]
    assert one["callbacks"] == other["callbacks"]
    assert one["callbacks"]["Count"] == {"batches": 30}
    left = load_file("whole/weights.safetensors")  # the default of weights(), masks or not
    assert left.keys() == {
        f"network.{part}" for part in ("0.weight", "0.bias", "2.weight", "2.bias")
    }


@pytest.mark.slow
def test_its_schedule_is_the_weight_and_is_drawn(stars):
    run = trained("run", "trainer.max_iterations=21")
    with Path("run", "metrics.csv").open() as file:
        weights = {int(r["iteration"]): r["weight/peaks"] for r in csv.DictReader(file)}
    assert run["iteration"] == 21
    assert float(weights[10]) == pytest.approx(2.0)
    code, printed = answer("+experiment=stars/first", "task=plan", "plan.at=[0,5,10,20]")
    assert code == 0, printed
    row = [line for line in printed.splitlines() if "losses.peaks" in line and "│" in line][-1]
    assert [cell.strip() for cell in row.split("│")[2:6]] == ["0", "1", "2", "0"]


def test_an_experiment_starts_from_another_with_its_scale_block(stars):
    assert launch.compose("stars/second")["trainer"]["max_iterations"] == 60
    assert launch.compose("stars/second", "scale=full")["trainer"]["max_iterations"] == 600


@pytest.mark.slow
def test_it_predicts(stars):
    trained("run", "trainer.max_iterations=5")
    torch.save(torch.zeros(1, 1, 9, 7), "sky.pt")
    code, printed = answer("task=predict", "from=run", "input=sky.pt", "output=clean.pt")
    assert code == 0, printed
    assert torch.load("clean.pt", weights_only=True).shape == (1, 1, 9, 7)


@pytest.mark.slow
def test_a_ladder_of_its_own_has_its_own_gate(stars):
    short = ["trainer.max_iterations=40"]
    code, printed = answer("+ladder=stars", *short)
    assert code == 0, printed
    assert "2 validations" in printed
    closed = Path("conf/ladder/stars.yaml")
    closed.write_text(closed.read_text().replace("times: 2", "times: 9"))
    code, printed = answer("+ladder=stars", "run_dir=again", *short)
    assert code == 4, printed


MISTAKES = [
    # what is written instead, in which file; what the answer says
    ("emphasis: 3", "emphasys: 3", "Peaks has no argument 'emphasys'. Did you mean 'emphasis'?"),
    ("stars.pieces.Peaks", "stars.pieces.Peeks", "Did you mean 'Peaks'?"),
    ("period: 20", "perriod: 20", "perriod"),
    ("columns: 0.5", "colums: 0.5", "Did you mean 'columns'?"),
    ("stars.pieces.Count", "stars.pieces.Cuont", "Did you mean 'Count'?"),
    ("checkpoint_every", "checkpoint_evry", "Did you mean 'checkpoint_every'?"),
]


@pytest.mark.parametrize("right, wrong, said", MISTAKES)
def test_a_typo_is_answered_with_file_and_line(stars, right, wrong, said):
    file = stars / "conf" / "experiment" / "stars" / "first.yaml"
    lines = file.read_text().splitlines()
    (line,) = [number for number, text in enumerate(lines, 1) if right in text]
    file.write_text(file.read_text().replace(right, wrong))
    code, printed = answer("+experiment=stars/first")
    assert code == 2
    assert said in printed
    assert f"conf/experiment/stars/first.yaml:{line}" in printed


def test_a_typo_in_the_gate_is_answered(stars):
    file = stars / "conf" / "ladder" / "stars.yaml"
    file.write_text(file.read_text().replace("times", "tmies"))
    code, printed = answer("+ladder=stars")
    assert code == 2
    assert "tmies" in printed
