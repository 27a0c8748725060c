"""The picture of a plan: one small panel per schedule."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from launch.show.plan import Planned
from launch.show.plan_table import number

LINE, CHANGE = "#0072B2", "#D55E00"  # told apart in every kind of colour vision
COLUMNS = 3
PANEL = (3.6, 2.0)  # inches
LABELLED_CHANGES = 4


def draw(planned: Sequence[Planned], path: Path) -> None:
    """Write a PNG; a change of formula is a dot with its iteration and value."""
    columns = max(1, min(COLUMNS, len(planned)))
    rows = max(1, -(-len(planned) // columns))
    figure = Figure((columns * PANEL[0], rows * PANEL[1] + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, p in zip(axes, planned, strict=False):
        panel(ax, p)
    for ax in axes[len(planned) :]:
        ax.set_axis_off()
    figure.savefig(path, dpi=130)


def panel(ax: Axes, planned: Planned) -> None:
    """The course of one schedule over the run."""
    points = [point for point in planned.points() if point <= planned.last]
    ax.plot(points, [planned.schedule(point) for point in points], color=LINE, linewidth=1.8)
    for place, change in enumerate(planned.changes):
        mark(ax, planned, change, labelled=place < LABELLED_CHANGES)
    ax.set_title(planned.name, fontsize=9, loc="left")
    unit = planned.unit if planned.length_known else f"{planned.unit} (end unknown)"
    ax.set_xlabel(unit, fontsize=7)
    ax.set_xlim(0, planned.last)
    ax.margins(y=0.2)
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.tick_params(labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)


def mark(ax: Axes, planned: Planned, change: int, labelled: bool) -> None:
    value = planned.schedule(change)
    ax.plot([change], [value], marker="o", markersize=4, color=CHANGE)
    if labelled:
        late = change > 0.6 * planned.last
        ax.annotate(
            f"{change}: {number(value)}",
            (change, value),
            xytext=(-4 if late else 4, 5),
            textcoords="offset points",
            ha="right" if late else "left",
            fontsize=6.5,
            color=CHANGE,
        )
