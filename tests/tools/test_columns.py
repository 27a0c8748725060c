"""Cells stand below each other."""

from launch.tools.columns import columns, markdown

ROWS = [("job", "x"), ("seed=0", "1")]


def test_cells_stand_in_columns():
    assert columns(ROWS) == "job     x\nseed=0  1"
    assert columns([]) == ""


def test_the_first_row_is_the_heading_of_a_table():
    assert markdown(ROWS).splitlines() == ["| job    | x |", "| ------ | - |", "| seed=0 | 1 |"]
