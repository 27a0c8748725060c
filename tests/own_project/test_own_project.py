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


EXTRA = """
from dataclasses import dataclass
from functools import partial

import lightning.pytorch as pl
import torch

from .pieces import Peaks

TARGETS = ["distance", "Outer.steep"]

def distance(pred, target, power=1.0):
    return ((pred - target).abs() ** power).mean()

@dataclass
class Shape:
    width: int

class Shaped(Peaks):
    def __init__(self, shape: Shape, **others):
        super().__init__(**others)
        self.width = shape.width + 1

class Outer(Peaks):
    class Inner(Peaks):
        pass

    @classmethod
    def steep(cls):
        return cls(9.0)

class Several(Peaks):
    def forward(self, pred, target, mask=None):
        return 1.0, 2.0

class Plain:
    def __call__(self, pred, target):
        return (pred - target).abs().mean()

class Module(pl.LightningModule):
    def __init__(self, losses, optimizer):
        super().__init__()

class Data(pl.LightningDataModule):
    def __init__(self, batch_size):
        super().__init__()

half = partial(Peaks, emphasis=0.5)
made = Peaks()
"""

WAYS = [
    "{_target_: stars.extra.Outer.Inner, emphasis: 2, loss_weight: 1}",
    "{_target_: stars.extra.Outer.steep, loss_weight: 1}",
    "{_target_: stars.extra.distance, _partial_: true, power: 2, loss_weight: 1}",
    "{_target_: stars.extra.half, loss_weight: 1}",
    "{_target_: stars.extra.Plain, loss_weight: 1}",
    "{_target_: stars.extra.Shaped, emphasis: 4, shape: {_target_: stars.extra.Shape, width: 2}}",
]


def with_extra(stars, source=EXTRA, **written):
    """The project with another file, and other nodes in the lines of its experiment."""
    (stars / "stars" / "extra.py").write_text(source)
    file = stars / "conf" / "experiment" / "stars" / "first.yaml"
    lines = file.read_text().splitlines()
    for key, node in written.items():
        (place,) = [n for n, line in enumerate(lines) if line.strip().startswith(f"{key}:")]
        lines[place] = f"{lines[place].partition(key)[0]}{key}: {node}"
    file.write_text("\n".join(lines))


@pytest.mark.parametrize("node", WAYS)
def test_python_has_many_ways_to_give_a_loss(stars, node):
    with_extra(stars, pixel=node)
    assert trained("run", "trainer.max_iterations=2")["iteration"] == 2


def nested(stars):
    (stars / "stars" / "deep").mkdir()
    (stars / "stars" / "deep" / "nets.py").write_text("from ..extra import Outer\n")


def below_src(stars):
    (stars / "src").mkdir()
    (stars / "stars").rename(stars / "src" / "stars")


def without_marker(stars):
    (stars / "stars" / "__init__.py").unlink()


def without_package_line(stars):
    file = stars / "conf" / "experiment" / "stars" / "first.yaml"
    file.write_text(file.read_text().replace("# @package _global_", "#"))


@pytest.mark.parametrize(
    "change, target",
    [
        (nested, "stars.deep.nets.Outer"),
        (below_src, "stars.extra.Outer"),
        (without_marker, "stars.extra.Outer"),
        (without_package_line, "stars.extra.Outer"),
    ],
)
def test_a_project_has_many_layouts(stars, change, target):
    with_extra(stars, pixel=f"{{_target_: {target}, loss_weight: 1}}")
    change(stars)
    assert trained("run", "trainer.max_iterations=2")["iteration"] == 2


REFUSED = [
    # what a line of the experiment says, and what the answer says
    ({"pixel": "{_target_: stars.extra.made}"}, "made is an object of Peaks; name a class or"),
    ({"pixel": "{_target_: stars.extra.distance}"}, "distance needs it, unless the node says `_p"),
    ({"pixel": "{_target_: stars.extra.Several}"}, "losses.pixel returned a tuple; return a sc"),
    ({"module": "{_target_: stars.extra.Module, optimizer: 1}"}, "no ScheduledModule; inherit la"),
    ({"data": "{_target_: stars.extra.Data, batch_size: 1}"}, "no ScheduledDataModule; inherit"),
    ({"callbacks": "{count: {_target_: stars.extra.Plain}}"}, "callbacks.count: Plain is no Callb"),
    ({"masks": "[{label: a, losses: [peaks], _target_: stars.extra.Plain}]"}, "Plain is no datac"),
]


@pytest.mark.parametrize("written, said", REFUSED, ids=lambda value: str(value)[:30])
def test_what_cannot_be_is_refused(stars, written, said):
    with_extra(stars, **written)
    code, printed = answer("+experiment=stars/first", "trainer.max_iterations=2")
    assert (code, said in printed) == (2, True), printed


@pytest.mark.parametrize(
    "source, said",
    [("x = 1\ndef f(:\n", "stars/extra.py:2 is no Python"),
     ("import absent\nclass Own: pass", "cannot be imported: No module named 'absent'")],
)  # fmt: skip
def test_a_module_that_is_broken_is_told(stars, source, said):
    with_extra(stars, source, pixel="{_target_: stars.extra.Own}")
    code, printed = answer("+experiment=stars/first")
    assert (code, said in printed) == (2, True), printed


def test_what_several_problems_need_is_said_once(stars):
    (stars / "pyproject.toml").unlink()
    code, printed = answer("+experiment=stars/first")
    assert code == 2
    assert printed.count("is not allowed.  (conf/experiment/stars/first.yaml:") >= 4
    assert printed.count("which needs a pyproject.toml for that") == 1


def test_below_the_project_one_is_told_where_it_is(stars, monkeypatch):
    monkeypatch.chdir(stars / "conf")
    assert f"type cd {stars} first" in answer("+experiment=stars/first")[1]


def test_an_experiment_of_the_name_of_a_shipped_one_takes_its_place(stars):
    (stars / "conf" / "experiment" / "sr").mkdir()
    own = (stars / "conf" / "experiment" / "stars" / "first.yaml").read_text()
    (stars / "conf" / "experiment" / "sr" / "static.yaml").write_text(own)
    assert launch.compose("sr/static")["module"]["_target_"] == "stars.recipe.Cleaner"
    assert launch.compose("sr/loss_ramps")["module"]["_target_"].startswith("launch.experiments.")


@pytest.mark.parametrize("encoding, said", [("utf-8-sig", ""), ("latin-1", "is not UTF-8")])
def test_files_of_other_editors(stars, encoding, said):
    file = stars / "conf" / "experiment" / "stars" / "first.yaml"
    file.write_text("# Größe\n" + file.read_text(), encoding=encoding)
    code, printed = answer("+experiment=stars/first", "task=plan")
    assert (code, said in printed) == (2 if said else 0, True), printed


def test_a_main_metric_that_nobody_measures_is_told(stars):
    with pytest.warns(UserWarning, match="main_metric.name=eror: .* Did you mean 'error'?"):
        trained("run", "trainer.max_iterations=2", "main_metric.name=eror")
