"""How the record of a ladder says that it ended."""

from pathlib import Path

from launch.ladder.outcome import CLOSED, ended, farewell, gathered
from launch.record.run import Run
from launch.record.storage import write_json


def rung(folder: Path, **record) -> Run:
    folder.mkdir(parents=True)
    write_json(folder / "run.json", {"status": "completed", "metrics": {}} | record)
    return Run(folder)


def test_a_ladder_records_what_its_last_rung_did_and_the_metrics_of_all(tmp_path: Path):
    first = rung(tmp_path / "a", metrics={"psnr": 1.0, "ssim": 0.5}, iteration=5)
    second = rung(tmp_path / "b", metrics={"psnr": 2.0}, iteration=9)
    found = gathered([first, second])
    assert found["metrics"] == {"psnr": 2.0}
    assert found["metrics_of_rungs"] == {"psnr": 2.0, "ssim": 0.5}
    assert found["iteration"] == 9


def test_a_ladder_ends_as_the_rung_that_did_not(tmp_path: Path):
    done = rung(tmp_path / "a")
    broken = rung(tmp_path / "b", status="failed", error="out of memory")
    assert ended([done, broken], 1) == ("failed", "out of memory")
    assert ended([done, broken], CLOSED) == ("failed", "a gate stays closed")


def test_the_last_words_say_how_to_go_on():
    assert farewell(0) == "completed"
    assert "the same command continues" in farewell(143)
    assert "rungs=[...]" in farewell(CLOSED)
