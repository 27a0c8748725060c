"""The tree keeps its promises: one-way imports, a README per scenario, links that resolve."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

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


INNER = {
    "hydra_plugins.launch_slurm_launcher": "every application of Hydra loads this file",
    "hydra_plugins.launch_sweeper": "every application of Hydra loads this file",
    "launch.front.command_line": "what is only shown needs no tasks",
    "launch.front.tasks": "each task imports what it needs: plotting, Optuna, the page",
    "launch.ladder.plan": "torch, to count what trains",
    "launch.python": "torch; from Python too, a report needs none",
    "launch.show.plan": "torch and plotting",
    "launch.show.planned": "torch, for the schedules of learning rates",
    "launch.show.report.report": "the server, which only watch=true needs",
    "launch.start.start": "plotting",
    "launch.train.acceleration": "FSDP2, which few trainings share their networks by",
    "launch.train.module": "FSDP2, as above",
    "launch.experiments.roi.recipe": "predict draws; the worker of a training does not",
}
"""Modules that import others of ours inside a function, each with the reason."""


def test_imports_inside_functions_have_a_reason():
    known = set(TREES)
    inner = {name for name, t in TREES.items() if any(i for _, i in house.arrows(t, known))}
    assert inner == INNER.keys()


def test_every_module_is_mirrored_by_a_test():
    packages = {name.rpartition(".")[0] for name in TREES}
    modules = TREES.keys() - packages - {"launch"}
    assert not [name for name in sorted(modules) if not mirror(name).is_file()]


def mirror(module: str) -> Path:
    *folders, name = module.removeprefix("launch.").removeprefix("experiments.").split(".")
    return REPOSITORY.joinpath("tests", *folders, f"test_{name}.py")


WRITERS = {"write_text", "write_bytes", "savefig", "imwrite", "to_csv", "savez", "savez_compressed"}
WRITE_IN_PLACE = {
    "launch.record.storage": "the function itself",
    "launch.record.run": "the lock, which nobody reads for a record",
    "launch.train.metrics_csv": "a row at a time; a reader leaves out half a line",
    "launch.front.command_line": "what is printed goes nowhere",
}
"""Modules that write otherwise than by taking the place of a file in one step, with the reason."""


def written_in_place(tree: ast.AST) -> Iterator[int]:
    """Lines that write to a path, or to a file that is not one of `storage.replacing`."""
    imports = (n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))
    modules = {a.asname or a.name for n in imports for a in n.names} - {"torch", "np"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        owner, _, name = ast.unparse(node.func).rpartition(".")
        values = [*node.args, *(k.value for k in node.keywords)]
        texts = [str(v.value) for v in values if isinstance(v, ast.Constant)]
        opens = name == "open" and any(re.fullmatch("[rbt]*[wax+][bt+]*", text) for text in texts)
        saves = name in WRITERS or (name == "save" and owner and owner not in modules)
        to = [v for v in values if isinstance(v, ast.Name) and v.id in ("file", "sealed", "buffer")]
        if opens or (saves and values and not to):
            yield node.lineno


def test_what_a_reader_may_meet_is_written_in_one_step():
    found = {name: [*written_in_place(tree)] for name, tree in TREES.items()}
    assert {name for name, lines in found.items() if lines} == WRITE_IN_PLACE.keys()


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
