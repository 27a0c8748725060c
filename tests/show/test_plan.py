"""`task=plan` draws, tabulates and judges every schedule before the run."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from launch.show import plan
from tests.show.configs import THREE_PHASES, config


@pytest.mark.parametrize(
    ("at", "perceptual", "gan", "ldl"),
    [
        (0, 0.12, 0, 0.5),
        (19999, 0.259993, 0, 0.5),
        (20000, 0.26, 0.08, 0.5),
        (49999, 0.26, 0.08, 0.5),
        (50000, 0.26, 0.08, 0),
    ],
)
def test_plan_shows_the_weights_that_training_uses(
    at: int, perceptual: float, gan: float, ldl: float
) -> None:
    found = {p.name: p for p in plan.collect(config(losses=THREE_PHASES))}
    values = [found[f"losses.{name}"].schedule(at) for name in THREE_PHASES]
    assert values == pytest.approx([perceptual, gan, ldl], abs=1e-9)


def test_csv_holds_every_change_its_predecessor_and_chosen_points(tmp_path: Path) -> None:
    settings = config(losses=THREE_PHASES)
    plan.save(plan.collect(settings), tmp_path, [12345, 200_000], settings, {})
    with (tmp_path / "plan.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["schedule", "unit", "at", "value"]
    values = {(row["schedule"], int(row["at"])): row["value"] for row in rows}
    assert values["losses.gan", 19999] == "0"
    assert values["losses.gan", 20000] == "0.08"
    assert values["losses.ldl", 49999] == "0.5"
    assert values["losses.ldl", 50000] == "0"
    assert values["losses.perceptual", 200_000] == "0.26"
    assert float(values["losses.perceptual", 12345]) == pytest.approx(0.12 + 0.14 * 12345 / 20000)
    assert {row["unit"] for row in rows} == {"iteration"}
    assert len(rows) > 3 * 200


def test_a_picture_has_a_row_for_what_changes_and_a_line_for_what_does_not(tmp_path: Path) -> None:
    heights = []
    for weight in (1.0, [[0, 0.0], [50, 1.0]]):
        losses = {name: {"type": "l1", "loss_weight": weight} for name in "abc"}
        plan.write(config(100, losses=losses), tmp_path)
        heights.append(Image.open(tmp_path / "plan.png").height)
    assert heights[0] < heights[1] / 3


def test_main_prints_values_flags_and_where_the_picture_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = config(1500, losses=THREE_PHASES | {"pixel": {"type": "l1"}})
    settings["plan"]["at"] = [0, 20000]
    settings["module"] = {"optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001}}
    assert plan.main(settings, tmp_path) == 0
    printed = capsys.readouterr().out
    assert "0.08" in printed
    assert "losses.pixel 1, module.optimizer.lr 0.001" in " ".join(printed.split())
    assert "warning: losses.gan is 0 throughout" in printed
    assert f"picture: {tmp_path / 'plan.png'}" in printed


def test_data_that_is_not_there_is_told_and_leaves_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = {"_target_": "launch.schedules.Exponential", "initial": 0.7, "rate": 0.98, "floor": 0.2}
    settings = config(100, losses={"a": {"type": "l1"}}, module={"t": node}, seed=0)
    settings["data"] = {
        "_target_": "launch.experiments.sr.data.HighResolutionFolder",
        "root": "not/there",
    }
    assert plan.main(settings, tmp_path) == 0
    printed = capsys.readouterr().out
    assert "warning: epochs have no length here" in printed
    assert "(end unknown)" in printed


def test_a_plan_in_iterations_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from launch.show import plan\n"
        f"plan.main({config(losses=THREE_PHASES)!r}, Path({str(tmp_path)!r}))\n"
        "assert not {'torch', 'lightning'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
