"""The verdict names the best, its lead with an interval, and what needs no training."""

from pathlib import Path
from typing import Any

import pytest

from launch.show.report import compare
from launch.show.report.read import RunData


def run(value: float, seed: int = 0, lr: str = "1", **record: Any) -> RunData:
    known = {"experiment": "sr/static", "seed": seed, "data": {"fingerprint": "abc"}}
    known["main_metric"] = {"name": "psnr_y", "mode": "max"}
    found = RunData(Path(f"{lr}/{seed}"), known | record, record.get("status", "completed"))
    found.metrics = {"psnr_y": value, "psnr_y_bicubic": 26.5}
    found.config = {"seed": str(seed), "lr": lr, "twin": lr}
    return found


SWEEP = [run(26.0, 0), run(26.2, 1), run(27.0, 0, "2"), run(27.4, 1, "2")]


def verdict(runs: list[RunData]) -> dict[str, Any]:
    return compare.verdicts(runs, compare.groups(runs))[0]


def test_seeds_are_grouped_and_settings_that_change_together_are_named_once() -> None:
    assert compare.groups(SWEEP) == [[0, 1], [2, 3]]
    assert compare.varied(SWEEP) == ["lr"]


def test_the_lead_is_paired_by_seed() -> None:
    found = verdict(SWEEP)
    assert (found["members"], found["best"], found["second"]) == ([2, 3], 3, [0, 1])
    assert found["estimate"]["mean"] == pytest.approx(27.2)
    assert found["lead"]["mean"] == pytest.approx(1.1)
    assert found["lead"]["half_width"] == pytest.approx(12.7062 * 0.1, rel=1e-4)  # t(0.975, 1)
    assert found["baseline"] == {"name": "psnr_y_bicubic", "value": 26.5}


def test_the_direction_of_the_metric_decides() -> None:
    lower = [
        run(26.0, main_metric={"name": "psnr_y", "mode": "min"}),
        run(27.0, 0, "2", main_metric={"name": "psnr_y", "mode": "min"}),
    ]
    found = verdict(lower)
    assert found["best"] == 0
    assert found["lead"] == {"mean": -1.0, "half_width": None, "count": 0}


def test_runs_of_other_data_and_unfinished_runs_are_not_compared() -> None:
    other = run(99.0, data={"fingerprint": "other"})
    broken, nan = run(99.0, 0, "3", status="failed"), run(float("nan"), 0, "4")
    found = compare.verdicts(
        [*SWEEP, other, broken, nan], compare.groups([*SWEEP, other, broken, nan])
    )
    assert [(entry["best"], entry["count"]) for entry in found] == [(3, 4), (4, 1)]
    assert found[1]["second"] is None


def test_runs_without_a_configuration_are_never_averaged() -> None:
    blank = [run(1.0), run(2.0)]
    for entry in blank:
        entry.config = {}
    assert compare.groups(blank) == [[0], [1]]


def test_a_group_is_summarised_over_its_completed_seeds() -> None:
    runs = [*SWEEP[:2], run(0.0, 2, status="failed")]
    assert compare.summary(runs, [0, 1, 2])["psnr_y"]["mean"] == pytest.approx(26.1)
    assert compare.summary(runs, [0, 1, 2])["psnr_y"]["count"] == 2


def test_of_repeated_seeds_the_last_counts() -> None:
    assert compare.summary([run(1.0), run(3.0)], [0, 1])["psnr_y"]["count"] == 1
