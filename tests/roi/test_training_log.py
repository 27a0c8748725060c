"""The epoch log: the columns that notebooks read, and what a resume does to it."""

import csv
import math

import pytest
import torch

from launch.errors import ConfigError
from launch.experiments.roi.training_log import COLUMNS, TrainingLog

METRICS = {"auroc_macro": 0.9, "f1_macro": 0.8}


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def epoch(log, number, value=1.0):
    for _ in range(2):
        records = {"mask_mean": torch.tensor(0.1), "temperature": 0.7}
        log.add({"full": torch.tensor(value)}, {"full": 2.0}, records)
    log.end_epoch(number)


def test_the_first_columns_are_those_of_the_requirement_document():
    assert ",".join(COLUMNS[:16]) == (
        "epoch,steps,loss,loss_full,loss_consist,loss_drop,loss_sparse,loss_tv,loss_volume,"
        "w_full,w_consist,w_drop,w_sparse,w_tv,mask_mean,mask_tv"
    )


def test_a_row_holds_means_and_the_validation_after_its_epoch(tmp_path):
    log = TrainingLog(tmp_path / "log.csv", {})
    epoch(log, 1)
    assert rows(log.path) == []
    log.flush(METRICS)
    (row,) = rows(log.path)
    assert (row["epoch"], row["steps"]) == ("1", "2")
    expected = {"loss": 2.0, "loss_full": 1.0, "w_full": 2.0, "val_auroc": 0.9}
    assert {name: float(row[name]) for name in expected} == expected
    assert row["w_drop"] == row["loss_drop"] == row["mask_coverage"] == ""
    assert float(row["mask_mean"]) == pytest.approx(0.1)


def test_the_console_shows_the_temperature_of_each_epoch(tmp_path, capsys):
    log = TrainingLog(tmp_path / "log.csv", {})
    epoch(log, 1)
    log.flush(METRICS)
    printed = capsys.readouterr().out
    assert printed == "epoch 1  loss 2  mask_mean 0.1  temperature 0.7  val_auroc 0.9  val_f1 0.8\n"


def test_the_notebook_of_the_requirement_document_reads_it(tmp_path):
    pandas = pytest.importorskip("pandas")
    log = TrainingLog(tmp_path / "log.csv", {})
    for number in range(1, 8):
        epoch(log, number, value=float(number))
        log.flush(METRICS)
    table = pandas.read_csv(tmp_path / "log.csv")
    assert table["loss_full"].tail().mean() == 5.0


def test_a_resume_drops_later_epochs_and_goes_on_in_the_middle_of_one(tmp_path):
    log = TrainingLog(tmp_path / "log.csv", {})
    epoch(log, 1)
    log.flush(METRICS)
    log.add({"full": torch.tensor(3.0)}, {"full": 2.0}, {})
    state = log.state({})
    log.end_epoch(2)
    log.flush(METRICS)
    resumed = TrainingLog(tmp_path / "log.csv", state)
    assert len(rows(log.path)) == 1
    resumed.add({"full": torch.tensor(5.0)}, {"full": 2.0}, {})
    resumed.end_epoch(2)
    resumed.flush(METRICS)
    assert [float(row["loss_full"]) for row in rows(log.path)] == [1.0, 4.0]


def test_a_recipe_without_the_term_full_does_not_show_a_perfect_one(tmp_path):
    pandas = pytest.importorskip("pandas")
    log = TrainingLog(tmp_path / "log.csv", {})
    log.add({"keep": torch.tensor(1.0)}, {"keep": 1.0}, {})
    log.end_epoch(1)
    log.flush({})
    table = pandas.read_csv(tmp_path / "log.csv")
    assert math.isnan(table["loss_full"].tail().mean())
    assert table["loss_keep"].tolist() == [1.0]


def test_a_file_of_another_run_is_renamed_and_stays_whole(tmp_path):
    earlier = TrainingLog(tmp_path / "log.csv", {})
    for number in (1, 2):
        epoch(earlier, number)
        earlier.flush(METRICS)
    content = earlier.path.read_text()
    for count in (1, 2):
        with pytest.warns(UserWarning, match=rf"another run; it was renamed to log\.{count}\.csv"):
            log = TrainingLog(tmp_path / "log.csv", {})
        assert rows(log.path) == []
        epoch(log, 1, value=9.0)
        log.flush(METRICS)
        assert (tmp_path / "log.1.csv").read_text() == content


def test_a_resume_after_another_run_took_the_file_gives_both_back(tmp_path):
    log = TrainingLog(tmp_path / "log.csv", {})
    epoch(log, 1)
    log.flush(METRICS)
    state = log.state({})
    with pytest.warns(UserWarning):
        other = TrainingLog(tmp_path / "log.csv", {})
    epoch(other, 1, value=7.0)
    other.flush(METRICS)
    with pytest.warns(UserWarning, match=r"renamed to log\.2\.csv"):
        resumed = TrainingLog(tmp_path / "log.csv", state)
    assert [row["loss_full"] for row in rows(resumed.path)] == ["1.0"]
    assert [row["loss_full"] for row in rows(tmp_path / "log.2.csv")] == ["7.0"]


def test_a_file_with_other_columns_is_not_overwritten(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n1,2\n")
    with pytest.raises(ConfigError, match=r"other columns \(epoch, loss\)"):
        TrainingLog(path, {})
    assert path.read_text() == "epoch,loss\n1,2\n"


def test_a_run_stopped_between_validation_and_row_keeps_what_was_validated(tmp_path):
    log = TrainingLog(tmp_path / "log.csv", {})
    epoch(log, 1)
    resumed = TrainingLog(log.path, log.state(METRICS))
    resumed.flush({})
    (row,) = rows(log.path)
    assert (row["val_auroc"], row["val_f1"]) == ("0.9", "0.8")
