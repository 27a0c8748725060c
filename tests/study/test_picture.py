"""The picture of a study shows every seed, the mean and its interval."""

import json
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from launch.study.picture import draw, panel
from launch.study.study import Study
from launch.study.table import completed

STUDY = Study(
    name="s",
    arms={"a": [], "b": []},
    seeds=[0, 1],
    metrics=["psnr", "ssim"],
    reference="a",
    baseline={"psnr": "bicubic"},
)


def write(folder: Path, arm: str, seed: int, psnr: float) -> None:
    place = folder / arm / f"seed_{seed}"
    place.mkdir(parents=True)
    metrics = {"psnr": psnr, "ssim": 0.8, "bicubic": 20.0}
    (place / "run.json").write_text(json.dumps({"status": "completed", "metrics": metrics}))


def test_dots_mean_interval_and_baseline(tmp_path: Path) -> None:
    write(tmp_path, "a", 0, 25.0)
    write(tmp_path, "a", 1, 27.0)
    ax = Figure().subplots()
    panel(ax, completed(tmp_path, STUDY), STUDY, "psnr", "")
    lines = [list(line.get_xdata()) for line in ax.lines]  # type: ignore[call-overload]
    assert lines[0] == [25.0, 27.0]
    assert [26.0] in lines
    assert lines[-1] == [20.0, 20.0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_a_study_without_results_still_has_a_picture(tmp_path: Path) -> None:
    draw(tmp_path, STUDY)
    assert Image.open(tmp_path / "study.png").width > 500


def test_conditions_have_panels_of_their_own(tmp_path: Path) -> None:
    draw(tmp_path, STUDY)
    height = Image.open(tmp_path / "study.png").height
    draw(tmp_path, replace(STUDY, conditions={"x": [], "y": []}))
    assert Image.open(tmp_path / "study.png").height > 1.5 * height
