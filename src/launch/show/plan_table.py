"""The tables of a plan in the terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from launch.schedules import Schedule
from launch.show.plan import Planned

POINTS_PER_TABLE = 6
WIDTH = 100  # characters where the output is not a terminal


def show(planned: Sequence[Planned], at: Sequence[int]) -> None:
    """Print one table of the changes, and the values at chosen points."""
    console = Console()
    console.width = max(console.width, WIDTH)
    for table in tables(planned, at):
        console.print(table)


def tables(planned: Sequence[Planned], at: Sequence[int]) -> Iterator[Table]:
    """One table of the changes, then the values at chosen points, a few columns at a time."""
    table = Table("schedule", "unit", "at 0", "changes", "at the end")
    for p in planned:
        end = f"{p.last}: {number(p.schedule(p.last))}"
        table.add_row(p.name, p.unit, number(p.schedule(0)), course(p), end)
    yield table
    for first in range(0, len(at), POINTS_PER_TABLE):
        chosen = at[first : first + POINTS_PER_TABLE]
        table = Table("schedule", *map(str, chosen))
        for p in planned:
            table.add_row(p.name, *(number(p.schedule(point)) for point in chosen))
        yield table


def course(planned: Planned) -> str:
    """The value at each change, and before it where it jumps: `19999: 0, 20000: 0.08`."""
    entries = []
    for change in planned.changes:
        before, value = planned.schedule(change - 1), planned.schedule(change)
        if jumps(planned.schedule, change):
            entries.append(f"{change - 1}: {number(before)}")
        entries.append(f"{change}: {number(value)}")
    return "\n".join(dict.fromkeys(entries))


def jumps(schedule: Schedule, change: int) -> bool:
    """Whether the value at a change continues neither what was before nor what comes after."""
    step = abs(schedule(change) - schedule(change - 1))
    before = abs(schedule(change - 1) - schedule(max(change - 2, 0)))
    return step > 2 * max(before, abs(schedule(change + 1) - schedule(change)))


def number(value: float, digits: int = 5) -> str:
    """A value to read: `0.19`, `1e-05`."""
    return format(float(value), f".{digits}g")
