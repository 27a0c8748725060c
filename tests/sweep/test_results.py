"""Tables of a sweep from hand-made runs."""

import csv
import json
import math

import pytest

from launch.record.run import Run
from launch.sweep.results import Results

PSNR = {("1e-3", 0): 24.0, ("1e-3", 1): 26.0, ("1e-4", 0): 20.0, ("1e-4", 1): 21.0}


@pytest.fixture
def folder(tmp_path):
    """Two rates, two seeds each."""
    jobs = [
        {"place": f"{place}", "overrides": ["experiment=a", f"module.lr={lr}", f"seed={seed}"]}
        for place, (lr, seed) in enumerate(PSNR)
    ]
    (tmp_path / "sweep.json").write_text(json.dumps({"jobs": jobs}))
    for place, value in enumerate(PSNR.values()):
        run = Run(tmp_path / f"{place}")
        run.folder.mkdir()
        run.note("end", status="completed", main_metric={"name": "psnr"}, metrics={"psnr": value})
    return tmp_path


def test_a_line_per_job_and_means_over_seeds(folder):
    jobs, means, count = Results.of(folder).text().split("\n\n")
    assert [line.split()[:5] for line in jobs.splitlines()[1:3]] == [
        ["module.lr=1e-3", "seed=0", "completed", "psnr", "24"],
        ["module.lr=1e-3", "seed=1", "completed", "psnr", "26"],
    ]
    first, second = (line.split() for line in means.splitlines()[1:])
    # t of one degree of freedom at 97.5 % is 12.706; the standard error of 24 and 26 is 1
    assert first == ["module.lr=1e-3", "25", "12.29", "to", "37.71", "2"]
    assert second[:2] == ["module.lr=1e-4", "20.5"]
    assert count == "4 jobs: 4 completed"


def test_an_error_is_told_whole_and_the_sweep_is_not_complete(folder):
    Run(folder / "3").note("end", status="failed", error="first line\nsecond line")
    found = Results.of(folder)
    assert [*found.errors()] == ["module.lr=1e-4 seed=1 (failed): first line\nsecond line"]
    assert Results.of(folder).text().endswith("4 jobs: 3 completed, 1 failed")


def test_without_seeds_there_are_no_means(folder):
    jobs = [{"place": f"{place}", "overrides": [f"module.lr={place}"]} for place in range(4)]
    (folder / "sweep.json").write_text(json.dumps({"jobs": jobs}))
    assert [*Results.of(folder).of_seeds()] == []


def test_the_file_has_a_column_per_swept_key_and_metric(folder):
    path = Results.of(folder).write_csv()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["module.lr"], int(row["seed"])) for row in rows] == list(PSNR)
    assert [float(row["psnr"]) for row in rows] == list(PSNR.values())
    first, *_, last = rows[0]
    assert (first, last) == ("job", "folder")
    assert "experiment" not in rows[0]  # all share it


def test_a_run_without_its_metric_has_none(tmp_path):
    name, value = Run(tmp_path).main_metric
    assert name == "" and math.isnan(value)
