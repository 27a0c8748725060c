"""The numbers of a study against closed forms and hand-made runs."""

import csv
import json
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from launch.record.history import seconds
from launch.record.run import Run
from launch.study.study import Study
from launch.study.table import (
    cells,
    completed,
    difference,
    estimate,
    results,
    table,
    write_csv,
)

STUDY = Study(
    name="ramps",
    arms={"constant": ["+experiment=a"], "ramp": ["+experiment=b"]},
    seeds=[0, 1, 2],
    metrics=["psnr_y"],
    reference="constant",
    baseline={"psnr_y": "psnr_y_bicubic"},
)
PSNR = {"constant": [25.0, 26.0, 27.0], "ramp": [25.3, 26.2, 27.4]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six completed runs of one minute each; the ramp gains 0.3 dB on average."""
    for arm, values in PSNR.items():
        for seed, value in enumerate(values):
            write(tmp_path, arm, seed, metrics={"psnr_y": value, "psnr_y_bicubic": 24.5})
    return tmp_path


def write(folder: Path, arm: str, seed: int, **changes: Any) -> None:
    times = {"started": "2026-01-01T10:00:00+00:00", "ended": "2026-01-01T10:01:00+00:00"}
    place = folder / arm / f"seed_{seed}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "run.json").write_text(json.dumps({"status": "completed"} | times | changes))


def test_two_values_have_the_closed_form_interval() -> None:
    # one degree of freedom is the Cauchy distribution: t = tan(pi * 0.475) = 12.706
    found = estimate([1.0, 3.0])
    assert found is not None
    assert found.interval is not None
    assert found.mean == 2
    assert found.half_width == pytest.approx(12.7062047 * sqrt(2) / sqrt(2))


def test_intervals_are_students() -> None:
    values = [3.1, 2.9, 3.4, 3.3, 2.7]
    found = estimate(values)
    assert found is not None
    expected = stats.t.interval(0.95, 4, loc=found.mean, scale=stats.sem(values))
    assert found.interval == pytest.approx(expected)


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    single = estimate([2.0])
    assert single is not None
    assert (single.mean, single.interval, single.count) == (2.0, None, 1)
    assert estimate([]) is None


def test_differences_are_paired_so_that_seeds_cancel() -> None:
    paired = difference({0: 25.3, 1: 26.2, 2: 27.4, 9: 99.0}, {0: 25.0, 1: 26.0, 2: 27.0})
    assert paired is not None
    assert paired.half_width is not None
    assert paired.mean == pytest.approx(0.3)
    assert paired.half_width == pytest.approx(4.30265273 * 0.1 / sqrt(3))
    assert paired.count == 3


def test_results_leave_out_runs_that_did_not_complete(folder: Path) -> None:
    write(folder, "ramp", 1, status="failed", metrics={"psnr_y": 1.0})
    assert results(completed(folder, STUDY), "psnr_y", "", "ramp") == {0: 25.3, 2: 27.4}


def test_cost_is_wall_clock_time(folder: Path) -> None:
    assert seconds(Run(folder / "ramp" / "seed_0").record) == 60
    assert seconds(Run(folder / "nowhere").record) is None


def test_table_reads_as_markdown(folder: Path) -> None:
    lines = table(folder, STUDY).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    assert cells[0][:5] == ["metric", "arm", "mean", "95 % interval", "minus constant"]
    assert cells[2] == ["psnr_y", "constant", "26.00", "23.52 to 28.48", "-", "-", "3/3", "60"]
    assert cells[3][2:] == ["26.30", "23.68 to 28.92", "+0.30", "+0.05 to +0.55", "3/3", "60"]
    assert cells[4][:3] == ["psnr_y", "(psnr_y_bicubic)", "24.50"]
    assert "- ramp: `+experiment=b`" in lines


def test_conditions_are_compared_apart(tmp_path: Path) -> None:
    study = replace(STUDY, conditions={"drawn": [], "photos": []}, seeds=[0], baseline={})
    for place, gain in (("drawn", 1.0), ("photos", -1.0)):
        write(tmp_path / place, "constant", 0, metrics={"psnr_y": 25.0})
        write(tmp_path / place, "ramp", 0, metrics={"psnr_y": 25.0 + gain})
    lines = table(tmp_path, study).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    assert cells[0][:3] == ["condition", "metric", "arm"]
    assert [[*row[:3], row[5]] for row in cells[2:]] == [
        ["drawn", "psnr_y", "constant", "-"],
        ["drawn", "psnr_y", "ramp", "+1.00"],
        ["photos", "psnr_y", "constant", "-"],
        ["photos", "psnr_y", "ramp", "-1.00"],
    ]


def test_table_says_what_the_arms_ran_with(folder: Path) -> None:
    overrides = ["+experiment=b", "scale=full", "seed=0", "run_dir=x"]
    write(folder, "ramp", 0, metrics={}, overrides=overrides)
    assert "- ramp: `+experiment=b scale=full`" in table(folder, STUDY).splitlines()


def test_no_difference_is_not_negative_zero() -> None:
    nothing = difference({0: 25.0, 1: 26.0}, {0: 25.000001, 1: 26.000001})
    assert cells(nothing, estimate([25.0, 26.0]), sign="+") == ("+0.00", "+0.00 to +0.00")


def test_table_names_what_is_missing(folder: Path) -> None:
    write(folder, "ramp", 1, status="failed", metrics={}, error="term 'gan' was nan\nmore")
    text = table(folder, STUDY)
    assert "**ramp, seed 1: failed.** term 'gan' was nan (" in text
    assert "2/3" in text


def test_csv_has_a_row_for_every_job(folder: Path) -> None:
    (folder / "ramp" / "seed_2" / "run.json").unlink()
    write_csv(folder, STUDY)
    with (folder / "study.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["arm"], row["seed"]) for row in rows] == [
        (arm, str(seed)) for arm in STUDY.arms for seed in STUDY.seeds
    ]
    assert rows[3]["psnr_y"] == "25.3"
    assert (rows[5]["status"], rows[5]["psnr_y"]) == ("missing", "")
