"""The table of a ladder."""

from launch.ladder.table import gate, page, sentences, shown

CLOSED = {"type": "ratio", "job": "", "passed": False, "action": "warn", "sentence": "0.1 < 0.2"}
OPEN = {"type": "finite", "job": "", "passed": True, "action": None, "sentence": "all finite"}


def rung(**changed):
    job = {"status": "completed", "metrics": {"psnr_y": 27.1234}, "seconds": 90.0}
    return {"experiment": "toy/a", "jobs": {"": job}, "gate": {"rules": [OPEN]}} | changed


def test_a_row_has_metrics_minutes_and_gates():
    lines = page([rung()], ["psnr*"]).splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == [
        *("rung", "job", "status", "psnr*", "minutes", "gates")
    ]
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells == ["toy/a", "", "completed", "27.12", "1.5", "open"]
    assert "- toy/a: finite open: all finite" in lines


def test_a_job_that_has_not_ended_has_no_minutes():
    job = {"status": "running", "metrics": {}, "seconds": None}
    row = page([rung(jobs={"b": job}, gate=None)], ["psnr"]).splitlines()[2]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        *("toy/a", "b", "running", "", "", "")
    ]


def test_a_closed_gate_says_what_it_asks_for():
    assert gate({"rules": [OPEN, CLOSED]}, "") == "ratio closed (warn)"
    assert gate({"rules": [OPEN | {"passed": None}]}, "") == "not judged"
    assert list(sentences({"rules": [CLOSED]})) == ["ratio closed (warn): 0.1 < 0.2"]


def test_the_first_metric_that_fits_is_shown():
    assert shown({"a": 1.0, "psnr_y": 30.0, "psnr": 31.0}, "psnr*") == "30"
    assert shown({}, "psnr") == ""
