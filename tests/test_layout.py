"""The tree keeps its promises: one-way imports, a README per scenario, links that resolve."""

import ast
import re

import pytest

from launch.record.run import REPOSITORY

SCENARIOS = sorted(
    path.name for path in (REPOSITORY / "experiments").iterdir() if (path / "module.py").is_file()
)


def imports(path):
    """Modules that a file imports, dotted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_launch_depends_on_no_scenario():
    for path in (REPOSITORY / "src").rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[0] == "experiments"], path


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_depends_on_no_other(scenario):
    for path in (REPOSITORY / "experiments" / scenario).rglob("*.py"):
        others = [n for n in imports(path) if n.startswith("experiments.")]
        assert all(name.split(".")[1] == scenario for name in others), path


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
