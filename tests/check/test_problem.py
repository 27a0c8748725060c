"""How a problem reads."""

from typing import Any

import pytest

from launch.check.problem import Problem, shown


def test_a_problem_reads_as_one_line():
    problem = Problem("trainer.devices", "must be greater than 0", 0, "conf/trainer/gpu.yaml:4")
    assert str(problem) == "trainer.devices = 0: must be greater than 0  (conf/trainer/gpu.yaml:4)"
    assert str(Problem("data.root", "is missing")) == "data.root: is missing"


def test_further_lines_are_advice_that_several_problems_share():
    problem = Problem("a._target_", "is not allowed\nTo allow it: ...", "x.A")
    assert str(problem) == "a._target_ = x.A: is not allowed"
    assert problem.advice == ["To allow it: ..."]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), (0, "0"), ("a", "a"), ("x" * 70, "x" * 57 + "...")],
)
def test_values_are_shown_as_in_yaml(value: Any, text: str):
    assert shown(value) == text
