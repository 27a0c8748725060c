"""Dotted names are followed through source files; `garden` is the package of conftest.py."""

import ast
import subprocess
import sys

import pytest

from launch.errors import LaunchError
from launch.source.definitions import Definition, Module, find, lineage, load

DEFINED = [
    ("garden.beds.Bed", "garden.beds", "Bed"),
    ("garden.Border", "garden.beds", "Bed"),  # from .beds import Bed as Border
    ("garden.Spade", "garden.tools", "Spade"),  # from .tools import *
    ("garden.sheds.tin.Roof", "garden.sheds.tin", "Roof"),  # a folder without __init__.py
    ("torch.optim.AdamW", "torch.optim.adamw", "AdamW"),
    ("spandrel.architectures.Compact.Compact", None, "SRVGGNetCompact"),
    ("launch.train.module.ScheduledModule", "launch.train.module", "ScheduledModule"),
]


@pytest.mark.parametrize(("dotted", "module", "name"), DEFINED)
def test_a_name_leads_to_its_definition(dotted: str, module: str | None, name: str):
    found = find(dotted)
    assert isinstance(found, Definition)
    assert isinstance(found.node, ast.ClassDef)
    assert found.node.name == name
    assert module in (None, found.module.name)


def test_a_value_leads_to_what_it_was_assigned():
    found = find("garden.PLANTS")
    assert isinstance(found, Definition)
    assert ast.unparse(found.node) == "('rose', 'leek')"


def test_a_module_is_found_as_itself():
    assert isinstance(find("garden.beds"), Module)


@pytest.mark.parametrize(
    "dotted",
    [
        "garden.tools.anything",  # the module makes attributes when asked
        "garden.beds.Bed.__init__",  # an attribute of a class
        "torch._C.Generator",  # compiled
        "garden.circle.Corner",  # two modules that import it from each other
    ],
)
def test_nothing_is_claimed_about_what_source_does_not_show(dotted: str):
    assert find(dotted) is None


@pytest.mark.parametrize(
    ("dotted", "message"),
    [
        ("garden.beds.Bad", "garden.beds has no 'Bad'. Did you mean 'Bed'?"),
        ("garden.bedz.Bed", "garden has no 'bedz'. Did you mean 'beds'"),
        ("torch.optim.Adamm", "torch.optim has no 'Adamm'. Did you mean 'Adam'"),
        ("torch.optimm.Adam", "torch has no 'optimm'. Did you mean 'optim'?"),
    ],
)
def test_a_name_that_leads_nowhere_gets_the_nearest_ones(dotted: str, message: str):
    with pytest.raises(LaunchError) as caught:
        find(dotted)
    assert caught.value.message.startswith(message)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("source", ["x = 1\ndef f(:", "x = 1\n\0"])
def test_a_file_that_is_no_python_is_told(tmp_path, source):
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(LaunchError, match=r"broken.py.* is no Python: "):
        _ = Module("broken", path).bindings


def test_a_package_that_is_not_installed_is_missing():
    with pytest.raises(LaunchError, match="pip install absent-package") as caught:
        find("absent_package.Thing")
    assert caught.value.exit_code == 3


def test_the_lineage_ends_at_bases_that_take_nothing_and_is_unknown_beyond_built_in_ones():
    def names(dotted: str) -> list[str | None]:
        found = find(dotted)
        assert isinstance(found, Definition)
        return [d.node.name if d else None for d in lineage(found)]  # type: ignore[attr-defined]

    assert names("garden.beds.Raised") == ["Raised", "Bed"]
    assert names("garden.beds.Hedge") == ["Hedge", "Bed"]
    assert names("garden.beds.Foreign") == ["Foreign", None]


def test_a_file_is_parsed_only_when_its_names_are_asked_for():
    module = load("torch.nn.modules.module")
    assert module is not None
    assert "statements" not in vars(module)


def test_following_names_imports_nothing():
    code = (
        "import sys; from launch.source.definitions import find;"
        "find('torch.optim.AdamW'); find('launch.experiments.winding.losses.Data');"
        "sys.exit(bool({'torch', 'lightning', 'experiments'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
