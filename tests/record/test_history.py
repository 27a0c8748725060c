"""What a run has left in its folder."""

from pathlib import Path

from launch.record.history import at_best, jobs_of, logged, validations
from launch.record.run import Run
from launch.record.storage import write_json


def left(folder: Path, log: str = "", **record) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", record)
    (folder / "metrics.csv").write_text(log)
    return Run(folder)


def test_a_half_written_line_and_empty_cells_are_left_out(tmp_path: Path):
    (tmp_path / "metrics.csv").write_text("iteration,loss,psnr\n1,0.5,\n2,0.4,30\n3,0.3")
    rows = [{"iteration": "1", "loss": "0.5"}, {"iteration": "2", "loss": "0.4", "psnr": "30"}]
    assert logged(tmp_path / "metrics.csv") == rows
    assert logged(tmp_path / "absent.csv") == []


def test_validations_are_the_rows_that_have_a_metric(tmp_path: Path):
    log = "iteration,loss,psnr\n1,0.5,\n2,0.4,30\n4,0.3,31\n"
    run = left(tmp_path, log, metrics={"psnr": 31.0})
    assert validations(run) == [{"psnr": 30.0}, {"psnr": 31.0}]


def test_the_best_checkpoint_counts_and_else_the_last_one(tmp_path: Path):
    last = left(tmp_path / "a", metrics={"psnr": 31.0})
    best = left(tmp_path / "b", metrics={"psnr": 31.0}, best={"metrics": {"psnr": 32.0}})
    assert (at_best(last), at_best(best)) == ({"psnr": 31.0}, {"psnr": 32.0})


def test_a_ladder_has_a_job_for_each_rung(tmp_path: Path):
    alone, ladder = left(tmp_path / "a"), left(tmp_path / "b", rungs=["first", "second"])
    assert jobs_of(alone) == {"": alone}
    assert [run.folder.name for run in jobs_of(ladder).values()] == ["first", "second"]
