"""Cells in columns, to read in a terminal or as Markdown."""

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]


def columns(rows: Rows) -> str:
    """A line for each row."""
    return "\n".join("  ".join(cells).rstrip() for cells in padded(rows))


def markdown(rows: Rows) -> str:
    """A table of Markdown that can also be read as text; the first row is its heading."""
    heading, *others = padded(rows)
    rule = ["-" * len(cell) for cell in heading]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heading, rule, *others])


def padded(rows: Rows) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
