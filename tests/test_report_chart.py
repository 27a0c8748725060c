"""The chart puts values where they belong, whatever their range."""

import re
from xml.etree import ElementTree

import pytest

from launch.show.report_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, chart, scaled


def test_the_curve_fills_the_frame_and_is_valid_xml() -> None:
    svg = chart([(0, 5.0), (50, 1.0), (100, 3.0)])
    root = ElementTree.fromstring(svg)
    line = next(element for element in root if element.tag == "polyline")
    points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert points[0] == (LEFT, TOP)
    assert points[1] == (middle, HEIGHT - BOTTOM)
    assert points[2] == (WIDTH - RIGHT, (TOP + HEIGHT - BOTTOM) / 2)
    assert re.findall(r">([\d.]+)</text>", svg) == ["5", "1", "100"]


@pytest.mark.parametrize("points", [[(7, 2.0)], [(0, 2.0), (9, 2.0)]])
def test_a_single_value_lies_in_the_middle(points: list[tuple[float, float]]) -> None:
    circle = re.search(r'cy="([\d.]+)"', chart(points))
    assert circle is not None
    assert float(circle[1]) == (TOP + HEIGHT - BOTTOM) / 2


def test_scaled_may_run_downwards() -> None:
    assert scaled(1.0, 0.0, 4.0, 100.0, 0.0) == 75.0
