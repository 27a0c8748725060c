"""The course of a run: its plan above what its metrics then did, over one axis. No torch.

A line stands through both at every change of a schedule, so that what a change did can be seen.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from launch.errors import MissingError
from launch.record.expand import expanded
from launch.record.history import logged
from launch.record.run import Run
from launch.record.storage import replacing
from launch.show.plan_picture import ROW, SOFT, WIDTH, bars, row
from launch.show.plan_table import shown
from launch.show.planned import Config, Facts, Planned, collect, stages
from launch.show.told import direction, told

DID = "#009E73"
METRICS = 4
SCHEDULES = 7

Curve = tuple[list[int], list[float]]


def main(run: Run) -> int:
    """`task=plan from=RUN`: writes `course.png` into the run's folder.

    Raises:
        MissingError: if nothing has been logged yet.
    """
    path = draw(run)
    print(f"picture: {path}")
    return 0


def draw(run: Run) -> Path:
    """Write the picture of a run, or of the last rung of one; returns its path."""
    run = run.rung()
    config = expanded(run.config)
    facts = Facts(run.record.get("updates_per_epoch"))
    rows = moving(collect(config, {"": facts}))
    curves = chosen(run, rows)
    if not curves:
        raise MissingError(f"{run.folder} has logged nothing yet; its plan is plan.png")
    path = run.folder / "course.png"
    figure = picture(rows, curves, config)
    figure.suptitle(run.name, x=0.01, ha="left", fontsize=9, weight="bold")
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=100)
    return path


def moving(planned: Sequence[Planned]) -> list[Planned]:
    """The schedules that change and have a place on the axis of iterations."""
    placed = [p for p in planned if not p.is_constant and p.iterations is not None]
    return shown(placed)[:SCHEDULES]


def chosen(run: Run, planned: Sequence[Planned]) -> dict[str, Curve]:
    """The main metric, those with a baseline, losses whose weight changes, then those of which
    it is known whether more is better."""
    rows = logged(run.folder / "metrics.csv")
    main = (run.record.get("main_metric") or {}).get("name")
    validated = run.record.get("metrics") or {}
    terms = [p.key.replace("losses.", "loss/") for p in planned if p.key.startswith("losses.")]
    rest = sorted(validated, key=lambda name: not direction(name))
    wanted = [main, *(t.name for t in told(validated, main)), *terms, *rest]
    curves = {name: curve(rows, name) for name in dict.fromkeys(wanted) if name}
    kept = {name: found for name, found in curves.items() if len(set(found[1])) > 1}
    total = curve(rows, "loss/total")
    return dict([*kept.items()][: METRICS - 1]) | ({"loss/total": total} if total[0] else {})


def curve(rows: Sequence[Mapping[str, str]], name: str) -> Curve:
    """Iterations and values at which a metric was logged."""
    found = [(int(row["iteration"]), float(row[name])) for row in rows if name in row]
    return [at for at, _ in found], [value for _, value in found]


def picture(rows: Sequence[Planned], curves: Mapping[str, Curve], config: Config) -> Figure:
    """Stages, schedules, then metrics."""
    has_stages = bool(stages(config))
    count = len(rows) + len(curves)
    figure = Figure((WIDTH, ROW * count + 0.45 * has_stages + 0.7), layout="constrained")
    ratios = [0.4] * has_stages + [1.0] * count
    axes = list(figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios).ravel())
    end = max(at[-1] for at, _ in curves.values())
    lines = {c * (p.iterations or 1) for p in rows for c in p.changes}
    below = axes[has_stages:]
    if has_stages:
        bars(axes[0], config)
    for ax, planned in zip(below, rows, strict=False):
        row(ax, planned, lines)
    for ax, (name, found) in zip(below[len(rows) :], curves.items(), strict=True):
        measured(ax, name, found, lines)
    for ax in axes:
        ax.set_xlim(0, end)
        ax.tick_params(labelbottom=ax is axes[-1])
    axes[-1].set_xlabel("iteration", fontsize=7.5)
    axes[-1].xaxis.set_major_formatter(EngFormatter(sep=""))
    return figure


def measured(ax: Axes, name: str, found: Curve, lines: set[float]) -> None:
    """What was logged, with the changes of the plan; losses on a logarithmic axis."""
    for at in lines:
        ax.axvline(at, color=SOFT, linewidth=0.9, linestyle=":")
    ax.plot(*found, color=DID, linewidth=1.4, marker=".",
            markersize=3)  # fmt: skip
    if name.startswith("loss/") and min(found[1]) > 0:
        ax.set_yscale("log")
    else:
        ax.yaxis.set_major_locator(MaxNLocator(2))
    ax.annotate(f"{found[1][-1]:.3g}", (found[0][-1], found[1][-1]), xytext=(-3, 4),
                textcoords="offset points", fontsize=6.5, ha="right", color="#333333")  # fmt: skip
    ax.set_ylabel(name, fontsize=7.5, rotation=0, ha="right", va="center")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.tick_params(labelsize=6.5)
    ax.margins(y=0.3)
    ax.spines[["top", "right"]].set_visible(False)
