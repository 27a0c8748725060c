"""The end of a study leaves its tables and its picture, and says whether all jobs ended well."""

import pytest

from launch.record.run import Run
from launch.study import conclusion, picture
from launch.study.study import Study

STUDY = Study(
    name="ramps",
    arms={"constant": ["+experiment=a"], "ramp": ["+experiment=b"]},
    seeds=[0, 1],
    metrics=["psnr"],
    reference="constant",
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four completed runs; the picture has its own tests."""
    monkeypatch.setattr(conclusion, "read", lambda config: STUDY)
    monkeypatch.setattr(picture, "draw", lambda folder, study: None)
    for place, job in enumerate(STUDY.jobs()):
        run = Run(tmp_path / job.place)
        run.folder.mkdir(parents=True)
        run.start()
        run.finish("completed", metrics={"psnr": 20.0 + place})
    return tmp_path


def test_its_tables_are_written_and_printed(folder, capsys):
    assert conclusion.conclude(None, folder) == 0
    text = (folder / "study.md").read_text()
    assert text in capsys.readouterr().out
    assert "constant" in text and "ramp" in text
    assert list(folder.glob("*.csv"))


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_one_job_that_has_not_ended_well_is_an_exit_code(folder, status):
    *_, last = STUDY.jobs()
    Run(folder / last.place).note("end", status=status)
    assert conclusion.conclude(None, folder) == 1
