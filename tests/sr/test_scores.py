"""Means over pictures and sets, and the table of every picture."""

import csv

import pytest

from launch.experiments.sr.scores import Scores


def scores(*rows):
    found = Scores()
    for part, picture, value in rows:
        found.add(part, picture, {"psnr_y": value, "ssim_y": value / 40})
    return found


def test_one_set_has_plain_names():
    assert scores(("", "a", 20.0), ("", "b", 30.0)).means() == {"psnr_y": 25.0, "ssim_y": 0.625}


def test_several_sets_have_means_of_their_own():
    means = scores(("Set5", "a", 20.0), ("Set5", "b", 30.0), ("Set14", "a", 40.0)).means()
    assert means["Set5/psnr_y"] == 25 and means["Set14/psnr_y"] == 40
    assert means["psnr_y"] == pytest.approx(30)


def test_the_table_has_a_line_per_picture(tmp_path):
    scores(("Set5", "a", 20.0), ("Set14", "b", 30.0)).write(tmp_path)
    rows = list(csv.reader((tmp_path / "validation.csv").open()))
    assert rows == [
        ["set", "picture", "psnr_y", "ssim_y"],
        ["Set5", "a", "20.0", "0.5"],
        ["Set14", "b", "30.0", "0.75"],
    ]
