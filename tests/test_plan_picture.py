"""A panel draws a schedule as training sees it: jumps are vertical, changes are marked."""

from matplotlib.figure import Figure

from launch.schedules import Exponential, LossWeight
from launch.show.plan import Planned
from launch.show.plan_picture import panel


def test_a_jump_is_vertical_and_marked() -> None:
    ax = Figure().subplots()
    panel(ax, Planned("losses.gan", LossWeight(0.08, start_iter=333), 1000))
    curve, dot = ax.lines
    steps = dict(zip(curve.get_xdata(), curve.get_ydata(), strict=True))  # type: ignore[arg-type]
    assert (steps[332], steps[333]) == (0.0, 0.08)
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (333, 0.08)  # type: ignore[index]
    assert [text.get_text() for text in ax.texts] == ["333: 0.08"]
    assert ax.get_title(loc="left") == "losses.gan"


def test_an_axis_of_epochs_says_so() -> None:
    ax = Figure().subplots()
    panel(ax, Planned("module.temperature", Exponential(1.0, 0.9), 20, length_known=False))
    assert ax.get_xlabel() == "epoch (end unknown)"
