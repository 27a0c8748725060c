"""The tree keeps its promises: one-way imports, a README per scenario, links that resolve."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache

import pytest

from launch.record.run import REPOSITORY

HOUSE = importlib.util.spec_from_file_location("house", REPOSITORY / "benchmarks" / "house.py")
house = importlib.util.module_from_spec(HOUSE)
HOUSE.loader.exec_module(house)

SCENARIOS = sorted(
    path.name for path in (REPOSITORY / "experiments").iterdir() if (path / "module.py").is_file()
)


LAYERS = (
    ("errors", "schedules", "record"),
    ("losses", "masks", "tools", "source", "composition", "trackers"),
    ("check", "train", "show"),
    ("start",),
    ("ladder", "study", "sweep"),
    ("search",),
    ("front", "python", "__main__"),
)
"""Rooms of `src/launch` from the ground up: one imports from its own floor and those below."""

FLOOR = {room: floor for floor, rooms in enumerate(LAYERS) for room in rooms}


def floor(module: str) -> int:
    return FLOOR.get(module.split(".")[1] if "." in module else "__main__", 0)


TREES = house.modules(REPOSITORY)


@cache
def arrows() -> dict[str, set[str]]:
    return {name: {other for other, _ in house.arrows(t, set(TREES))} for name, t in TREES.items()}


def test_every_room_has_a_floor():
    rooms = {name.split(".")[1] for name in arrows() if name.startswith("launch.")}
    assert rooms - {"experiments"} == set(FLOOR)


def test_arrows_point_down():
    for name, others in arrows().items():
        inside = {o for o in others if o.startswith("launch.") and ".experiments." not in o}
        if ".experiments." in name or not name.startswith("launch."):
            continue
        assert not [other for other in inside if floor(other) > floor(name)], name


def test_there_are_no_circles():
    graph = arrows()
    assert house.circles(graph) == []
    assert house.circles(house.rooms(graph)) == []


def test_launch_depends_on_no_scenario():
    for name, others in arrows().items():
        if ".experiments." not in name:
            assert not [other for other in others if ".experiments." in other], name


SCENARIO_WORDS = re.compile(
    r"(?<![a-z])(windings?|pies?|xy_ema|segs|smoke|plume|roi|sr|pbr|albedo|svbrdf)(?![a-z])"
)


def words(tree: ast.AST) -> Iterator[str]:
    """Names and texts in code, but for docstrings."""
    told = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in told:
            yield str(node.value)
        for field in ("id", "attr", "arg", "name"):
            yield str(getattr(node, field, ""))


def test_the_core_knows_no_word_of_a_scenario():
    for name, tree in TREES.items():
        if ".experiments." not in name:
            assert not [w for w in words(tree) if SCENARIO_WORDS.search(w.lower())], name


def test_a_scenario_depends_on_no_other():
    for name, others in arrows().items():
        if ".experiments." in name:
            near = {other for other in others if ".experiments." in other}
            assert {other.split(".")[2] for other in near} <= {name.split(".")[2]}, name


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_has_a_readme_an_experiment_and_synthetic_data(scenario):
    assert (REPOSITORY / "experiments" / scenario / "README.md").is_file()
    assert list((REPOSITORY / "conf" / "experiment" / scenario).glob("*.yaml"))
    assert (REPOSITORY / "conf" / "data" / scenario / "synthetic.yaml").is_file()


def test_links_of_the_readmes_resolve():
    for path in (REPOSITORY / "README.md", *REPOSITORY.glob("experiments/*/README.md")):
        for link in re.findall(r"\]\(([^)#]+)[)#]", path.read_text()):
            if "://" not in link:
                assert (path.parent / link).exists(), f"{path}: {link}"
