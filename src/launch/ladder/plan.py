"""`task=plan +ladder=NAME`: a table and a picture of all rungs, before any trains."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Column, Table

from launch.ladder.gates import Gate
from launch.ladder.ladder import Ladder
from launch.ladder.target import Target
from launch.record.expand import expanded
from launch.record.storage import replacing
from launch.schedules import Schedule
from launch.show.plan_table import number
from launch.show.planned import nodes, rates

WIDTH = 180  # characters at least
DIGITS = 3  # of a value that moves
NARROW = 20  # characters of a column; what is wider is told below the table
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # told apart in every kind of colour vision
HANDLING = ("on_fail", "remedy", "then", "type")
TRAINED = "trained %"  # shown of every ladder

GATE = "#555555"

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """What one job of a rung will do.

    Attributes:
        name: of the rung within its experiment, "" if that has only one.
        length: epochs, or iterations where a run is given in them.
        shown: label -> number, schedule, or anything else that the configuration holds; and what
            `trained` says.
    """

    experiment: str
    name: str
    length: int
    unit: str
    shown: dict[str, Any]

    def value(self, label: str, at: float) -> float | None:
        """What a label stands at, if it is a number."""
        value = self.shown[label]
        if is_schedule(value):
            return float(value(round(at)))
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if numeric else None


def main(target: Target, folder: Path) -> int:
    """Print the table, write `plan.png` and `plan.csv`; returns the exit code."""
    ladder = target.ladder
    assert ladder is not None
    rungs = [jobs(inner, ladder.show) for _, inner in target.inner]
    folder.mkdir(parents=True, exist_ok=True)
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(table(ladder, rungs))
    console.print("\n".join(details(ladder, rungs)), highlight=False, markup=False)
    draw(ladder, rungs, folder / "plan.png")
    write(rungs, folder / "plan.csv")
    print(f"picture: {folder / 'plan.png'}\ntable: {folder / 'plan.csv'}")
    return 0


def jobs(rung: Target, show: Mapping[str, str]) -> list[Job]:
    """The trainings of a rung, from its composed configuration."""
    parts = {inner.short: target.config for inner, target in rung.inner} or {"": rung.config}
    return [job(rung.name, name, expanded(part), show) for name, part in parts.items()]


def job(experiment: str, name: str, config: Config, show: Mapping[str, str]) -> Job:
    epochs, iterations = (config["trainer"][f"max_{unit}"] for unit in ("epochs", "iterations"))
    unit = "iterations" if iterations else "epochs"
    moving = scheduled_rates(config, iterations or epochs, show.values())
    shown: dict[str, Any] = {}
    shown |= {label: moving.get(key, look_up(config, key)) for label, key in show.items()}
    shown[TRAINED] = trained(config)
    return Job(experiment, name, iterations or epochs, unit, shown)


def scheduled_rates(config: Config, length: int, shown: Iterable[str]) -> dict[str, Schedule]:
    """Learning rates that are shown, by key, as their scheduler moves them."""
    if not any(key.endswith("optimizer.lr") for key in shown):
        return {}
    unit = "iteration" if config["trainer"]["max_iterations"] else "epoch"
    return dict(rates(config["module"], length, unit))


def look_up(config: Config, key: str) -> Any:
    """The value of a dotted key, a schedule as such; None if it is not there."""
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    found = dict(nodes(value, key))
    return found.get(key, value)


def trained(config: Config) -> float | None:
    """Percent of the parameters that train, three digits; None if it takes weights to know.

    Of the networks in which anything trains; those that a job only looks at do not count.

    Raises:
        ConfigError: as a training would.
    """
    from launch.show.preview import rehearsed  # noqa: PLC0415 - torch is slow to import
    from launch.train import trainable_parts  # noqa: PLC0415

    module = rehearsed(config)
    share = trainable_parts.share(module) if module else None
    return None if share is None else float(f"{100 * share:.3g}")


def is_schedule(value: Any) -> TypeGuard[Schedule]:
    return callable(value)


# The table


def table(ladder: Ladder, rungs: Sequence[Sequence[Job]]) -> Table:
    """One line for each rung; where its jobs differ, each of them is named."""
    labels = [*(label for label in ladder.show if is_narrow(label, rungs)), TRAINED]
    whole = ("rung", "length", TRAINED)
    names = ("rung", "length", *labels)
    result = Table(*(Column(name, no_wrap=name in whole, overflow="fold") for name in names))
    for rung, found in zip(ladder.rungs, rungs, strict=True):
        values = [together({job.name: text(job, label) for job in found}) for label in labels]
        result.add_row(rung.experiment, length(found), *values)
    return result


def length(found: Sequence[Job]) -> str:
    """`8 epochs`; of jobs that differ `8, 5, 4 epochs`, in their order."""
    lengths = [str(job.length) for job in found]
    told = lengths if len(set(lengths)) > 1 else lengths[:1]
    return f"{', '.join(told)} {found[0].unit}"


def details(ladder: Ladder, rungs: Sequence[Sequence[Job]]) -> Iterator[str]:
    """What is too long for the table, and every gate with its numbers."""
    labels = [label for label in ladder.show if not is_narrow(label, rungs)]
    for rung, found in zip(ladder.rungs, rungs, strict=True):
        yield f"\n{rung.experiment}"
        for label in labels:
            value = together({job.name: text(job, label) for job in found})
            yield from (f"  {label}: {line}" for line in value.splitlines())
        yield from (f"  gate: {describe(gate)}" for gate in rung.gates)


def is_narrow(label: str, rungs: Sequence[Sequence[Job]]) -> bool:
    return max(len(text(job, label)) for rung in rungs for job in rung) <= NARROW


def together(values: Mapping[str, str]) -> str:
    """One value if all jobs have it, otherwise one for each job that has any."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return "\n".join(f"{name}: {value}" for name, value in values.items() if value)


def text(job: Job, label: str) -> str:
    """A value to read: `64 to 96`, `CosineAnnealingLR`, `yes`."""
    value = job.shown[label]
    if is_schedule(value):
        first, last = value(0), value(max(job.length - 1, 0))
        ends = dict.fromkeys(number(value, DIGITS) for value in (first, last))
        return " to ".join(ends)
    if isinstance(value, Mapping):
        return str(value.get("_target_", ", ".join(map(str, value)))).rpartition(".")[2]
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else ""
    return number(value) if isinstance(value, int | float) else str(value or "")


def _listed(value: Any) -> Any:
    """A setting of a gate; limits by metric as `mat_val_loss 1.1, sky_val_loss 0.95`."""
    return ", ".join(f"{n} {v}" for n, v in value.items()) if isinstance(value, dict) else value


def describe(gate: Gate) -> str:
    """A gate with its settings: `spike: metric mat_val_loss, factor 1.2; else warn`."""
    own = [
        f"{key} {_listed(value)}"
        for key, value in vars(gate).items()
        if value is not None and key not in HANDLING
    ]
    remedy = f" with {' '.join(gate.remedy)}, then {gate.then}" if gate.remedy else ""
    return f"{gate.type}: {', '.join(own) or 'every metric'}; else {gate.on_fail}{remedy}"


# The picture


def draw(ladder: Ladder, rungs: Sequence[Sequence[Job]], path: Path) -> None:
    """Every label that is a number over the whole ladder, one line for each job of a rung."""
    everything = [job for rung in rungs for job in rung]
    shown = (*ladder.show, TRAINED)
    labels = [label for label in shown if any(points(job, label) for job in everything)]
    colours = dict(zip(dict.fromkeys(job.name for job in everything), COLOURS * 9, strict=False))
    figure = Figure((11, 1.2 * len(labels) + 1.6), layout="constrained")
    axes = figure.subplots(max(1, len(labels)), 1, sharex=True, squeeze=False).ravel()
    for ax, label in zip(axes, labels, strict=False):
        panel(ax, label, rungs, colours)
    name_rungs(axes[0], axes[-1], ladder, rungs)
    lines = [axes[0].plot([], [], color=colour)[0] for colour in colours.values()]
    if len(colours) > 1:
        names = [name or "one job" for name in colours]
        figure.legend(lines, names, fontsize=7, loc="outside upper right", ncols=len(names))
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=130)


def name_rungs(top: Axes, bottom: Axes, ladder: Ladder, rungs: Sequence[Sequence[Job]]) -> None:
    """Names and lengths above, gates below where each rung ends."""
    above, below = top.get_xaxis_transform(), bottom.get_xaxis_transform()
    for place, (rung, found) in enumerate(zip(ladder.rungs, rungs, strict=True)):
        name = f"{rung.experiment.rpartition('/')[2]}\n{length(found)}"
        top.text(place + 0.02, 1.22, name, transform=above, fontsize=7)
        gates = "\n".join(dict.fromkeys(f"{gate.type}: {gate.on_fail}" for gate in rung.gates))
        bottom.text(
            place + 1, -0.1, gates, transform=below, fontsize=6, ha="right", va="top", color=GATE
        )
    bottom.set_xticks([])
    bottom.set_xlim(0, len(rungs))


def panel(ax: Axes, label: str, rungs: Sequence[Sequence[Job]], colours: Mapping[str, str]) -> None:
    """One label; every rung is as wide as the others, whatever its length.

    Lines of jobs that agree lie on each other, the later the thinner.
    """
    for place, rung in enumerate(rungs):
        for i, job in enumerate(rung):
            at = [(place + x, y) for x, y in points(job, label)]
            style = {"color": colours[job.name], "linewidth": 1.5 * (len(rung) - i)}
            ax.plot([x for x, _ in at], [y for _, y in at], solid_capstyle="butt", **style)
        ax.axvline(place, color="#BBBBBB", linewidth=0.6, linestyle=":")
    ax.set_title(label, fontsize=8, loc="left")
    ax.tick_params(labelsize=6)
    ax.margins(y=0.15)
    ax.spines[["top", "right"]].set_visible(False)


def points(job: Job, label: str) -> list[tuple[float, float]]:
    """Where in the job, from 0 to 1, and the value; empty if it is not a number."""
    last = max(job.length - 1, 1)
    values = [(step / 50, job.value(label, step / 50 * last)) for step in range(51)]
    return [(x, y) for x, y in values if y is not None]


def write(rungs: Sequence[Sequence[Job]], path: Path) -> None:
    """`plan.csv`: every shown value; of a schedule its first and its last."""
    with replacing(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("rung", "job", "length", "unit", "label", "value"))
        writer.writerows(row for rung in rungs for job in rung for row in rows(job))


def rows(job: Job) -> Iterator[tuple[Any, ...]]:
    for label in job.shown:
        yield job.experiment, job.name, job.length, job.unit, label, text(job, label)
