"""Which numbers are told of a run, and whether they are better than what needs no training."""

import pytest

from launch.show.told import baseline, lines, told


@pytest.mark.parametrize(
    ("names", "found"),
    [(["a_identity"], "a_identity"), (["a_mat"], None), (["b_bicubic"], None)],
)
def test_a_baseline_is_known_by_its_name(names: list[str], found: str | None) -> None:
    assert baseline("a", names) == found


METRICS = {
    "val_loss": 0.5,
    "albedo_l1_mat": 0.02, "albedo_l1_mat_identity": 0.03,
    "albedo_l1_sky": 0.08, "albedo_l1_sky_identity": 0.07,
    "psnr_y": 30.0, "psnr_y_bicubic": 28.0,
    "span": 2.0, "span_mean": 1.0,
    "ao_l1_sky": 0.1, "ao_l1_sky_mean": 0.2,
}  # fmt: skip


def test_three_quantities_are_told_each_by_its_last_metric():
    assert [t.name for t in told(METRICS)] == ["albedo_l1_sky", "psnr_y", "span"]
    assert [t.name for t in told(METRICS, "ao_l1_sky")] == ["ao_l1_sky", "albedo_l1_sky", "psnr_y"]


def test_a_name_tells_which_direction_is_better():
    assert [t.verdict for t in told(METRICS)] == ["worse", "better", ""]


def test_the_columns_stand_below_each_other():
    assert lines(METRICS) == [
        "albedo_l1_sky  0.08  identity 0.07  worse",
        "psnr_y         30    bicubic 28     better",
        "span           2     mean 1",
    ]


def test_without_a_baseline_the_main_metric_is_told():
    assert lines({"auroc": 0.75, "area": 0.2}, "auroc") == ["auroc  0.75"]
    assert lines({"auroc": 0.75}) == []
