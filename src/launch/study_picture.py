"""The result of a study as a picture: a dot per seed, mean and 95 % interval per arm."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from launch.study import Study
from launch.study_table import baseline, estimate, results

SEED, MEAN, BASELINE = "#56B4E9", "#0072B2", "#D55E00"  # told apart in every kind of colour vision
PANEL_WIDTH = 3.6  # inches
ARM_HEIGHT = 0.4


def draw(folder: Path, study: Study) -> None:
    """Write `study.png`, one panel per metric."""
    size = PANEL_WIDTH * len(study.metrics) + 1, ARM_HEIGHT * len(study.arms) + 1
    figure = Figure(size, layout="constrained")
    axes = figure.subplots(1, len(study.metrics), squeeze=False, sharey=True).ravel()
    for ax, metric in zip(axes, study.metrics, strict=True):
        panel(ax, folder, study, metric)
    figure.savefig(folder / "study.png", dpi=130)


def panel(ax: Axes, folder: Path, study: Study, metric: str) -> None:
    """The arms of one metric, in the order of the study from top to bottom."""
    for place, values in enumerate(results(folder, study, metric).values()):
        ax.plot(list(values.values()), [place] * len(values), "o", color=SEED, markersize=5)
        mean = estimate(list(values.values()))
        if mean:
            ax.errorbar(mean.mean, place, xerr=mean.half_width, color=MEAN, fmt="D", capsize=4)
    reference = baseline(folder, study, metric) if metric in study.baseline else None
    if reference:
        ax.axvline(reference.mean, color=BASELINE, linestyle="--", linewidth=1)
        ax.set_xlabel(f"dashed: {study.baseline[metric]}", fontsize=7, color=BASELINE)
    ax.set_yticks(range(len(study.arms)), list(study.arms), fontsize=8)
    ax.set_ylim(len(study.arms) - 0.5, -0.5)
    ax.set_title(metric, fontsize=9, loc="left")
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(axis="x", labelsize=7)
    ax.grid(axis="x", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
