"""`metrics.csv`: one row per iteration, columns as they come, rows dropped on resume."""

import tracemalloc

from launch.train.metrics_csv import MetricsCSV, read


def test_calls_for_one_iteration_are_one_row(tmp_path):
    log = MetricsCSV(tmp_path / "metrics.csv")
    log.log_metrics({"loss": 1.0}, step=0)
    log.log_metrics({"psnr_y": 20.0}, step=0)
    log.log_metrics({"loss": 0.5}, step=1)
    log.save()
    assert read(log.path) == [
        {"iteration": "0", "loss": "1.0", "psnr_y": "20.0"},
        {"iteration": "1", "loss": "0.5"},
    ]


def test_a_saved_row_still_takes_what_comes_for_its_iteration(tmp_path):
    log = MetricsCSV(tmp_path / "metrics.csv")
    log.log_metrics({"psnr_y": 20.0}, step=5)
    log.save()  # a checkpoint is written here
    log.log_metrics({"loss": 1.0}, step=5)
    log.save()
    assert read(log.path) == [{"iteration": "5", "psnr_y": "20.0", "loss": "1.0"}]


def test_rows_beyond_the_resumed_iteration_are_dropped(tmp_path):
    log = MetricsCSV(tmp_path / "metrics.csv")
    for iteration in range(4):
        log.log_metrics({"loss": iteration, "psnr_y": 20 + iteration}, step=iteration)
    log.save()
    resumed = MetricsCSV(tmp_path / "metrics.csv", resume_at=2)
    resumed.log_metrics({"loss": 9}, step=2)  # the validation of iteration 2 was made before
    resumed.log_metrics({"loss": 8}, step=3)
    resumed.save()
    rows = [(row["loss"], row.get("psnr_y")) for row in read(log.path)]
    assert rows == [("0", "20"), ("1", "21"), ("9", "22"), ("8", None)]


def test_each_row_belongs_to_the_segment_that_trained_it(tmp_path):
    """Three starts, killed in the middle of a row, each behind its checkpoint."""
    path = tmp_path / "metrics.csv"
    for segment, (begin, killed) in enumerate([(0, 7), (4, 9), (8, 11)]):
        log = MetricsCSV(path, resume_at=begin)
        for iteration in range(begin, killed):
            log.log_metrics({"loss": segment}, step=iteration)
            log.save()
        with path.open("a") as file:
            file.write(f"{killed},0.")
    assert [int(row["iteration"]) for row in read(path)] == [*range(11)]
    assert [row["loss"] for row in read(path)] == [*"00001111222"]


def test_a_half_written_last_line_is_no_row(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("iteration,loss\n10,1.0\n20,0.")
    assert read(path) == [{"iteration": "10", "loss": "1.0"}]


def test_a_new_column_is_empty_in_earlier_rows_and_a_growing_row_stays_the_last(tmp_path):
    log = MetricsCSV(tmp_path / "metrics.csv")
    log.log_metrics({"loss": 1.0}, step=0)
    log.log_metrics({"loss": 0.5}, step=1)
    log.save()
    log.log_metrics({"psnr_y": 20.0}, step=1)  # a validation meets a checkpoint
    log.save()
    log.log_metrics({"loss": 0.25}, step=2)
    log.save()
    lines = log.path.read_text().split()
    assert lines == ["iteration,loss,psnr_y", "0,1.0,", "1,0.5,20.0", "2,0.25,"]


def test_memory_does_not_grow_with_the_rows_and_the_file_grows_by_a_line_each(
    tmp_path, monkeypatch
):
    log = MetricsCSV(tmp_path / "metrics.csv")
    written = []
    rewrite = MetricsCSV._rewrite
    monkeypatch.setattr(MetricsCSV, "_rewrite", lambda self: written.append(rewrite(self)))

    def train(first, last):
        for iteration in range(first, last):
            log.log_metrics({"loss/total": 0.5, "weight/pixel": 1.0}, step=iteration)
            if iteration % 10 == 0:
                log.save()
                log.log_metrics({"psnr_y": 20.0}, step=iteration)
                log.save()

    train(0, 100)
    tracemalloc.start()
    train(100, 3000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000
    assert len(written) == 2  # for the columns of the training, and of the validation
    log.save()
    assert len(log.path.read_text().splitlines()) == 3001
