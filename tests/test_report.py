"""The report is one page that shows every run and needs no other file."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from launch.errors import MissingError
from launch.show import report

TIMES = {"started": "2026-01-01T10:00:00+00:00", "ended": "2026-01-01T10:05:00+00:00"}
RECORD: dict[str, Any] = TIMES | {
    "status": "completed",
    "experiment": "sr/static",
    "seed": 3,
    "metrics": {"ssim_y": 0.8123456, "psnr_y": 27.123456},
    "main_metric": {"name": "psnr_y", "mode": "max"},
    "data": {"name": "Scenes", "fingerprint": "abc"},
    "command": "python -m launch +experiment=sr/static 'a=<b>'",
}
METRICS = "iteration,loss/total,psnr_y\n0,0.5,\n10,0.4,25.5\n20,0.3,27.1\n30,nan,"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A completed run with curves and a picture, and a failed one with nothing."""
    make(tmp_path / "good", **RECORD)
    (tmp_path / "good" / "metrics.csv").write_text(METRICS)
    (tmp_path / "good" / "images").mkdir()
    for number, colour in enumerate(("red", "blue")):
        picture = Image.new("RGB", (3000, 600), colour)
        picture.save(tmp_path / "good" / "images" / f"iteration_{number}.png")
    make(tmp_path / "bad", status="failed", experiment="sr/gan", error="term <gan> was nan")
    return tmp_path


def make(folder: Path, **record: Any) -> None:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record))


def test_page_is_self_contained(root: Path) -> None:
    text = report.page(report.runs(str(root)), "runs")
    sources = re.findall(r"(?:src|href)=\"([^\"]*)\"", text)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert not re.search(r"https?://|@import|url\(", text)
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.feed(text)
    assert (tags.count("tr"), tags.count("h2"), tags.count("img")) == (3, 2, 1)
    assert tags.count("svg") == 2  # psnr_y and the objective; ssim_y was never logged


def test_table_leads_with_the_main_metric(root: Path) -> None:
    text = report.page(report.runs(str(root)), "runs")
    assert re.findall(r"<th>(.*?)</th>", text) == [
        *("run", "status", "seed"),
        *("psnr_y", "ssim_y"),
        *("time", "data"),
    ]
    assert '<td class="number main">27.12</td>' in text
    assert "5 min" in text


def test_what_runs_say_is_escaped(root: Path) -> None:
    text = report.page(report.runs(str(root)), "a<b")
    assert "term &lt;gan&gt; was nan" in text
    assert "a=&lt;b&gt;" in text
    assert "<title>a&lt;b</title>" in text


def test_the_last_picture_is_shown_smaller(root: Path) -> None:
    text = report.pictures(report.Run(root / "good"))
    assert 'alt="iteration_1.png"' in text
    assert len(text) < 20_000


def test_curves_leave_out_what_was_not_logged_or_not_finite(root: Path) -> None:
    curves = report.curves(report.Run(root / "good"))
    assert curves["psnr_y"] == [(10, 25.5), (20, 27.1)]
    assert curves["loss/total"] == [(0, 0.5), (10, 0.4), (20, 0.3)]


def test_a_glob_chooses_runs_and_rungs_below_them(root: Path) -> None:
    make(root / "good" / "rung_b", status="completed")
    names = {str(run.folder.relative_to(root)) for run in report.runs(f"{root}/g*")}
    assert names == {"good", "good/rung_b"}
    assert len(report.runs(f"{root}/**")) == 3


@pytest.mark.parametrize("output", ["page.html", "folder"])
def test_output_is_a_file_or_a_folder(
    root: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main(str(root), str(root / output)) == 0
    printed = capsys.readouterr().out
    path = Path(printed.split()[1])
    assert path.suffix == ".html"
    assert path.read_text().startswith("<!doctype html>")
    assert "(2 runs)" in printed


def test_no_runs_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no run is there"):
        report.main(str(tmp_path))


@pytest.mark.parametrize(("minutes", "text"), [(1, "60 s"), (30, "30 min"), (150, "2.5 h")])
def test_durations_are_readable(minutes: int, text: str) -> None:
    ended = f"2026-01-01T{10 + minutes // 60}:{minutes % 60:02}:00+00:00"
    assert report.duration({"started": TIMES["started"], "ended": ended}) == text


def test_reporting_needs_no_torch(root: Path) -> None:
    code = (
        "import sys; from launch import report\n"
        f"report.main({str(root)!r}, {str(root / 'page.html')!r})\n"
        "assert not {'torch', 'lightning', 'matplotlib'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
