"""The result of a study as a picture: a dot per seed, mean and 95 % interval per arm."""

from itertools import product
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from launch.record.run import Run
from launch.record.storage import replacing
from launch.study.study import Job, Study
from launch.study.table import baseline, completed, results
from launch.tools.intervals import estimate

SEED, MEAN, BASELINE = "#56B4E9", "#0072B2", "#D55E00"  # told apart in every kind of colour vision
COLUMNS = 3
PANEL_WIDTH = 3.6  # inches
ARM_HEIGHT = 0.4


def draw(folder: Path, study: Study) -> None:
    """Write `study.png`, one panel per condition and metric."""
    shown = list(product(study.places, study.metrics))
    columns = min(COLUMNS, len(study.metrics))
    lines = -(-len(shown) // columns)
    size = PANEL_WIDTH * columns + 1, (ARM_HEIGHT * len(study.arms) + 1) * lines
    figure = Figure(size, layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    runs = completed(folder, study)
    for ax, (condition, metric) in zip(axes, shown, strict=False):
        panel(ax, runs, study, metric, condition)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    with replacing(folder / "study.png") as file:
        figure.savefig(file, format="png", dpi=130)


def panel(ax: Axes, runs: dict[Job, Run], study: Study, metric: str, condition: str) -> None:
    """The arms of one metric in one condition, in the order of the study from top to bottom."""
    for place, arm in enumerate(study.arms):
        values = list(results(runs, metric, condition, arm).values())
        ax.plot(values, [place] * len(values), "o", color=SEED, markersize=5)
        mean = estimate(values)
        if mean:
            ax.errorbar(mean.mean, place, xerr=mean.half_width, color=MEAN, fmt="D", capsize=4)
    other = baseline(runs, study, metric, condition)
    if other:
        ax.axvline(other.mean, color=BASELINE, linestyle="--", linewidth=1)
        ax.set_xlabel(f"dashed: {study.baseline[metric]}", fontsize=7, color=BASELINE)
    ax.set_yticks(range(len(study.arms)), list(study.arms), fontsize=8)
    ax.set_ylim(len(study.arms) - 0.5, -0.5)
    ax.set_title(f"{condition}  {metric}".strip(), fontsize=9, loc="left")
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(axis="x", labelsize=7)
    ax.grid(axis="x", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
