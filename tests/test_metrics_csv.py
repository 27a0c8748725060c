"""`metrics.csv`: one row per iteration, columns as they come, rows dropped on resume."""

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


def test_a_half_written_last_line_is_no_row(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("iteration,loss\n10,1.0\n20,0.")
    assert read(path) == [{"iteration": "10", "loss": "1.0"}]
