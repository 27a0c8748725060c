"""The picture of a run: the plan above what was measured, with its changes through both."""

import pytest

from launch.errors import MissingError
from launch.record.run import Run
from launch.show import course
from launch.show.planned import Facts, collect

CONFIG = {
    "name": "toy/ramp",
    "trainer": {"max_iterations": 100},
    "losses": {
        "pixel": {"type": "l1", "loss_weight": 1.0},
        "gan": {"type": "ganloss", "loss_weight": 0.0, "start_iter": 40, "target_iter": 60,
                "target_weight": 0.1},
    },
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    metrics = {"psnr_y": 24.0, "psnr_y_bicubic": 20.0}
    run.start(experiment="toy/ramp", task="train", metrics=metrics,
              main_metric={"name": "psnr_y", "mode": "max"})  # fmt: skip
    run.write_config(CONFIG)
    lines = ["iteration,loss/total,loss/gan,psnr_y,psnr_y_bicubic"]
    lines += [
        f"{i},{1 / (1 + i)},{i / 50 if i >= 40 else ''},{20 + i / 25},20" for i in range(0, 101, 10)
    ]
    (tmp_path / "metrics.csv").write_text("\n".join(lines) + "\n")
    return run


def rows():
    return course.moving(collect(CONFIG, {"": Facts(None)}))


def test_metrics_stand_below_the_schedules_that_change(run):
    assert [p.key for p in rows()] == ["losses.gan"]
    assert list(course.chosen(run, rows())) == ["psnr_y", "loss/gan", "loss/total"]


def test_a_curve_has_the_iterations_at_which_it_was_logged(run):
    at, values = course.chosen(run, rows())["loss/gan"]
    assert at == [40, 50, 60, 70, 80, 90, 100]
    assert values == [i / 50 for i in at]


def test_the_changes_of_a_schedule_are_drawn_through_the_metrics(run):
    figure = course.picture(rows(), course.chosen(run, rows()), CONFIG)
    assert len(figure.axes) == 4
    for ax in figure.axes:
        dotted = {line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"}
        assert dotted == {40, 60}
        assert ax.get_xlim() == (0, 100)


def test_the_picture_lies_in_the_folder_of_the_run(run):
    assert course.draw(run) == run.folder / "course.png"
    assert (run.folder / "course.png").stat().st_size > 5000


def test_a_run_that_logged_nothing_has_none(run):
    (run.folder / "metrics.csv").unlink()
    with pytest.raises(MissingError, match=r"plan\.png"):
        course.draw(run)
