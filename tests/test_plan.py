"""Every schedule of a configuration is found, drawn, tabulated and judged before the run."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from launch.errors import ConfigError
from launch.schedules import Exponential, Points
from launch.show import plan

THREE_PHASES = {
    "perceptual": {"type": "convnext", "loss_weight": 0.12, "target_iter": 20000}
    | {"target_weight": 0.26, "schedule_type": "linear"},
    "gan": {"type": "gan", "gan_type": "r3gan", "loss_weight": 0.0, "start_iter": 20000}
    | {"target_weight": 0.08, "schedule_type": "step"},
    "ldl": {"type": "ldl", "loss_weight": 0.5, "disable_after": 50000},
}


def config(iterations: int | None = 100_000, **sections: Any) -> dict[str, Any]:
    trainer = {"max_iterations": iterations, "max_epochs": None}
    return {"trainer": trainer, "plan": {"at": [], "learning_rate": False}} | sections


def planned(**sections: Any) -> dict[str, plan.Planned]:
    return {p.name: p for p in plan.collect(config(**sections))}


def flags(iterations: int, **losses: dict[str, Any]) -> list[str]:
    return plan.flags(plan.collect(config(iterations, losses=losses)))


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
    found = planned(losses=THREE_PHASES)
    values = [found[f"losses.{name}"].schedule(at) for name in THREE_PHASES]
    assert values == pytest.approx([perceptual, gan, ldl], abs=1e-9)


def test_csv_holds_every_change_its_predecessor_and_chosen_points(tmp_path: Path) -> None:
    plan.write(config(losses=THREE_PHASES), tmp_path, at=[12345, 200_000])
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


def test_picture_has_a_panel_for_each_schedule(tmp_path: Path) -> None:
    sizes = []
    for count in (1, 3, 4):
        losses = {f"l{i}": {"type": "l1", "loss_weight": 1.0} for i in range(count)}
        plan.write(config(losses=losses), tmp_path)
        sizes.append(Image.open(tmp_path / "plan.png").size)
    assert sizes[0][0] < sizes[1][0]
    assert sizes[1][1] < sizes[2][1]


def test_schedules_are_found_anywhere_under_their_key() -> None:
    falling = {"_target_": "launch.schedules.Exponential", "initial": 0.7, "rate": 0.98}
    rising = {"_target_": "launch.schedules.Points", "points": [[0, 0], [10, 1]]}
    found = planned(
        module={"temperature": falling | {"floor": 0.2}, "parts": [{"label": "a", "size": rising}]},
        data={"crops": [rising]},
    )
    assert found["module.temperature"].schedule == Exponential(0.7, 0.98, 0.2)
    assert found["module.temperature"].unit == "epoch"
    assert found["module.parts.a.size"].schedule == Points([[0, 0], [10, 1]])
    assert "data.crops.0" in found


def test_average_warms_up_to_its_decay() -> None:
    schedule = planned(ema={"modules": ["network"], "decay": 0.999})["ema.decay"].schedule
    assert schedule(0) == pytest.approx(0.1)
    (reached,) = schedule.changes()
    assert schedule(reached) == 0.999
    assert schedule(reached - 1) < 0.999
    still = planned(ema={"modules": ["network"], "decay": 0.5, "warmup": False})["ema.decay"]
    assert still.schedule(0) == 0.5


def test_growing_masks_are_planned_from_their_ramp() -> None:
    mask = {"label": "wedge", "type": "disc", "losses": ["a"], "ramp_start_it": 100}
    growth = planned(masks=[mask | {"ramp_stop_it": 300, "start": 50}])["masks.wedge"].schedule
    assert [growth(i) for i in (0, 50, 150, 250, 350)] == [1, 0, 0, 0.5, 1]
    assert growth.changes() == (50, 150, 350)


def test_masks_that_follow_each_other_may_share_a_label() -> None:
    mask = {"label": "pie", "type": "disc", "losses": ["a"], "ramp_start_it": 0}
    both = [mask | {"ramp_stop_it": 50, "stop": 60}, mask | {"ramp_stop_it": 30, "start": 60}]
    found = plan.collect(config(masks=both))
    assert [(p.name, p.changes) for p in found] == [("masks.pie", [50]), ("masks.pie", [60, 90])]


def test_epochs_of_unknown_number_leave_room_for_the_last_change() -> None:
    floor = Exponential(0.7, 0.98, 0.2).changes()[0]
    node = {"_target_": "launch.schedules.Exponential", "initial": 0.7, "rate": 0.98, "floor": 0.2}
    temperature = planned(module={"t": node})["module.t"]
    assert not temperature.length_known
    assert temperature.last > floor


def test_an_impossible_schedule_is_named() -> None:
    with pytest.raises(ConfigError, match=r"losses\.l1: target_iter 5 is before start_iter 9"):
        planned(losses={"l1": {"type": "l1", "start_iter": 9, "target_iter": 5}})
    node = {"_target_": "launch.schedules.Points", "points": [[5, 0], [4, 1]]}
    with pytest.raises(ConfigError, match=r"module\.t: points must be at increasing"):
        planned(module={"t": node})


def test_flags_a_ramp_that_is_cut() -> None:
    cut = {"target_weight": 1.0, "target_iter": 60, "disable_after": 30}
    assert flags(100, a={"type": "l1"}, b={"type": "l1"} | cut) == [
        "losses.b: the ramp to 1.0 at 60 is cut by disable_after 30"
    ]


def test_flags_what_the_run_is_too_short_for() -> None:
    late = flags(100, a={"type": "l1"}, b={"type": "l1", "start_iter": 100})
    assert late == ["losses.b is 0 throughout; the run ends at iteration 100"]
    ramp = {"type": "l1", "loss_weight": 0.0, "target_weight": 1.0, "target_iter": 400}
    assert flags(100, a=ramp | {"loss_weight": 0.5}) == [
        "losses.a: what changes at 400 is never reached; the run ends at iteration 100"
    ]


def test_flags_an_interval_without_an_active_loss() -> None:
    found = flags(100, a={"type": "l1", "disable_after": 40}, b={"type": "l1", "start_iter": 60})
    assert found == ["no loss is active in iterations 40 to 59"]


def test_an_average_that_never_warms_up_fully_is_normal() -> None:
    ema = {"modules": ["network"], "decay": 0.9999}
    assert plan.flags(plan.collect(config(1000, losses={"a": {"type": "l1"}}, ema=ema))) == []


def test_rungs_are_planned_one_by_one() -> None:
    first = config(100, losses={"a": {"type": "l1"}})
    second = config(200, losses={"a": {"type": "l1", "start_iter": 50}})
    found = plan.collect(config(rungs={"A": first, "B": second}))
    assert [(p.name, p.last) for p in found] == [
        ("rungs.A.losses.a", 100),
        ("rungs.B.losses.a", 200),
    ]
    assert plan.flags(found) == ["rungs.B: no loss is active in iterations 0 to 49"]


def test_main_prints_values_flags_and_where_the_picture_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = config(1500, losses=THREE_PHASES)
    settings["plan"]["at"] = [0, 20000]
    assert plan.main(settings, tmp_path) == 0
    printed = capsys.readouterr().out
    assert "0.08" in printed
    assert "warning: losses.gan is 0 throughout" in printed
    assert f"picture: {tmp_path / 'plan.png'}" in printed


@pytest.mark.parametrize("at", [["20k"], [-1], [1.5]])
def test_points_must_be_iterations(at: list[Any], tmp_path: Path) -> None:
    settings = config(losses=THREE_PHASES) | {"plan": {"at": at}}
    with pytest.raises(ConfigError, match=r"plan\.at must be a list of iterations"):
        plan.main(settings, tmp_path)


def test_planning_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from launch import plan\n"
        f"plan.write({config(losses=THREE_PHASES)!r}, Path({str(tmp_path)!r}))\n"
        "assert not {'torch', 'lightning'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
