"""The tables of a plan in the terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from launch.record.references import references
from launch.schedules import Schedule
from launch.show.planned import Config, Planned, data_settings, trainable

POINTS_PER_TABLE = 6
WIDTH = 100  # characters where the output is not a terminal


def show(planned: Sequence[Planned], at: Sequence[int], config: Config) -> None:
    """Print what changes as a table, what does not as a line, and the values at chosen points."""
    console = Console()
    console.width = max(console.width, WIDTH)
    for table in tables(planned, at):
        console.print(table)
    for rung, line in fixed(planned, config):
        console.print(f"{f'{rung}: ' if rung else ''}{line}", highlight=False, markup=False)


def fixed(planned: Sequence[Planned], config: Config) -> Iterator[tuple[str, str]]:
    """Rung and line of what stays: constant schedules, and the parts that train."""
    parts = config.get("rungs") or {"": config}
    for rung, whole in parts.items():
        still = [p for p in planned if p.rung == rung and p.is_constant]
        if still:
            yield rung, "constant: " + ", ".join(f"{p.key} {number(p.schedule(0))}" for p in still)
        mixed = ", ".join(f"{key} {value}" for key, value in data_settings(whole))
        yield from [(rung, f"data: {mixed}")] if mixed else []
        yield from ((rung, line) for line in trainable(whole))
        first = ", ".join(dict.fromkeys(references(whole)))
        yield from [(rung, f"starts from: {first}")] if first else []
        epochs = [p for p in planned if p.rung == rung and p.unit == "epoch"]
        lengths = {p.updates_per_epoch for p in epochs if p.updates_per_epoch}
        yield from ((rung, f"an epoch is {number(length)} iterations") for length in lengths)


def tables(planned: Sequence[Planned], at: Sequence[int]) -> Iterator[Table]:
    """One table of what changes, then the values at chosen points, a few columns at a time."""
    moving = shown([p for p in planned if not p.is_constant])
    if moving:
        table = Table("schedule", "unit", "at 0", "changes", "at the end")
        for p in moving:
            table.add_row(p.name, p.unit, number(p.schedule(0)), course(p), end(p))
        yield table
    for first in range(0, len(at), POINTS_PER_TABLE):
        chosen = at[first : first + POINTS_PER_TABLE]
        table = Table("schedule", *map(str, chosen))
        for p in planned:
            table.add_row(p.name, *(number(p.schedule(point)) for point in chosen))
        yield table


def shown(planned: Sequence[Planned]) -> list[Planned]:
    """Without the share of a mask whose span says as much."""
    spans = [p for p in planned if p.key.startswith("masks.") and p.key.count(".") == 2]
    shares = {p.name.rpartition(".")[0] for p in spans}
    return [p for p in planned if p.name not in shares]


def end(planned: Planned) -> str:
    """Where it ends and at what; without a place if only the data could tell."""
    value = number(planned.schedule(planned.end))
    return f"{planned.end}: {value}" if planned.length_known else f"{value} (end unknown)"


def course(planned: Planned) -> str:
    """The value at each change, and before it where it jumps: `19999: 0, 20000: 0.08`."""
    entries = []
    for change in planned.changes:
        before, value = planned.schedule(change - 1), planned.schedule(change)
        if jumps(planned.schedule, change):
            entries.append(f"{change - 1}: {number(before)}")
        entries.append(f"{place(planned, change)}: {number(value)}")
    return "\n".join(dict.fromkeys(entries))


def place(planned: Planned, at: int) -> str:
    """A point in the schedule's unit, with the iteration where that is another number."""
    scale = planned.updates_per_epoch
    if planned.unit == "iteration" or scale is None:
        return str(at)
    return f"{at} (iteration {round(at * scale)})"


def jumps(schedule: Schedule, change: int) -> bool:
    """Whether the value at a change continues neither what was before nor what comes after."""
    step = abs(schedule(change) - schedule(change - 1))
    before = abs(schedule(change - 1) - schedule(max(change - 2, 0)))
    return step > 2 * max(before, abs(schedule(change + 1) - schedule(change)))


def number(value: float, digits: int = 5) -> str:
    """A value to read: `0.19`, `1e-05`."""
    return format(float(value), f".{digits}g")
