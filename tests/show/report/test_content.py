"""The content of a page is JSON that can stand in a script element, of bounded size."""

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from launch.record.storage import write_json
from launch.show.report.content import brief, content, encoded, fewer, panels
from tests.show.report.runs import make, sweep


def test_content_holds_what_the_page_shows(tmp_path: Path) -> None:
    found = json.loads(encoded(content(str(sweep(tmp_path)))))
    assert [run["name"] for run in found["runs"]] == ["0", "1", "2", "3"]
    assert [run["settings"] for run in found["runs"]][1:3] == ["lr=0.001", "lr=0.01"]
    assert found["columns"] == ["module.optimizer.lr"]
    assert [group["members"] for group in found["groups"]] == [[0, 1], [2, 3]]
    assert found["runs"][0]["baseline"] == "psnr_y_bicubic"
    assert found["runs"][0]["events"] == [[20, "losses.gan 0 → 1"]]
    assert found["notes"] == []


def test_each_run_has_its_panels(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b", pictures=())
    found = content(str(tmp_path))
    assert [[at for at, _ in panel] for panel in panels(found)] == [[0, 30, 60], []]


def test_a_whole_experiment_gives_way_to_its_rungs(tmp_path: Path) -> None:
    gate = {"passed": False, "rules": [{"type": "finite", "job": "b", "passed": False}]}
    make(tmp_path / "phase", rungs=["a", "b"], gate=gate)
    make(tmp_path / "phase" / "a", rung="a")
    make(tmp_path / "phase" / "b", rung="b", parents=[{"folder": str(tmp_path / "phase" / "a")}])
    write_json(tmp_path / "ladder.json", {"name": "pbr", "status": "completed", "rungs": []})
    found = content(str(tmp_path))
    assert [run["record"]["rung"] for run in found["runs"]] == ["a", "b"]
    assert found["containers"] == [{"folder": str(tmp_path / "phase"), "gate": gate}]
    assert found["ladders"] == [{"name": "pbr", "status": "completed", "folder": str(tmp_path)}]
    assert found["runs"][1]["parents"] == [str(tmp_path / "phase" / "a")]


def test_a_parent_is_known_however_its_folder_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b", parents=[{"folder": "a"}, {"folder": "elsewhere"}])
    monkeypatch.chdir(tmp_path)
    assert content(str(tmp_path))["runs"][1]["parents"] == [str(tmp_path / "a"), "elsewhere"]


def test_an_experiment_that_failed_before_its_first_rung_is_shown(tmp_path: Path) -> None:
    make(tmp_path / "phase", rungs=["a"], status="failed", error="no data")
    assert [run["status"] for run in content(str(tmp_path))["runs"]] == ["failed"]


def test_text_cannot_end_the_script_and_nan_is_text() -> None:
    text = encoded({"</script>": math.nan, "x": [1.0, 0.123456789, -math.inf]})
    assert "<" not in text
    assert json.loads(text) == {"</script>": "nan", "x": [1, 0.123457, "-inf"]}


def test_a_long_curve_keeps_its_extremes() -> None:
    ys: list[float | None] = [0.0] * 10_000
    ys[1234], ys[7777], ys[5000] = 9.0, -9.0, None
    xs, kept = fewer((list(map(float, range(10_000))), ys), 100)
    assert len(xs) <= 101
    assert {9.0, -9.0} <= set(kept)
    assert (xs[0], xs[-1]) == (0, 9999)
    assert fewer(([1.0], [2.0]), 100) == ([1.0], [2.0])


def test_a_search_has_its_page_and_its_picture(tmp_path: Path) -> None:
    sweep(tmp_path / "tpe")
    (tmp_path / "tpe" / "search.md").write_text("# Search tpe\n\n4 of 4 trials: 4 completed\n")
    found = content(str(tmp_path))
    [search] = found["searches"]
    assert search["folder"] == str(tmp_path / "tpe")
    assert "4 of 4 trials" in search["text"]
    assert search["picture"] is None  # which has not been drawn: told, and no reason to stop
    assert [note["where"] for note in found["notes"]] == [str(tmp_path / "tpe" / "search.png")]
    Image.new("RGB", (1200, 400)).save(tmp_path / "tpe" / "search.png")
    [search] = content(str(tmp_path))["searches"]
    assert search["picture"].startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.0013000000000000002", "0.0013"),
        ("1e-05", "1e-05"),
        ("0", "0"),
        ("true", "true"),
        ("bf16-mixed", "bf16-mixed"),
        ("launch.experiments.sr.losses.GAN", "…s.sr.losses.GAN"),
    ],
)
def test_values_that_set_runs_apart_are_short(text: str, shown: str) -> None:
    assert brief(text) == shown
