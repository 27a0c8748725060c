"""Which names a configuration may call."""

import pytest

from launch.errors import ConfigError
from launch.losses import LOSSES
from launch.record import targets


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("torch.optim.AdamW", True),
        ("launch.losses.pixel.L1", True),
        ("torch.load", False),
        ("os.system", False),
        ("launch.losses", False),  # a beginning alone is no name
    ],
)
def test_beginnings_that_are_allowed(target: str, allowed: bool):
    assert targets.is_allowed(target) is allowed


def test_a_refusal_names_what_is_near_and_how_to_allow_ones_own():
    with pytest.raises(ConfigError) as caught:
        targets.require("torhc.optim.AdamW")
    assert "Did you mean 'torch'?" in caught.value.message
    assert targets.VARIABLE in caught.value.message


def test_every_target_of_a_configuration_is_found():
    config = {"a": {"_target_": "x.A", "b": [{"_target_": "x.B"}]}, "c": "x.C"}
    assert list(targets.targets(config)) == ["x.A", "x.B"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """installed(file=text, ...) is a distribution Plain.Lab with those files, beside a project."""
    site, project = tmp_path / "site", tmp_path / "project"
    project.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(project)

    def made(**files):
        about = site / "plain_lab-0.1.dist-info"
        files |= {f"{about.name}/METADATA": "Metadata-Version: 2.1\nName: Plain.Lab\nVersion: 1\n"}
        files |= {f"{about.name}/RECORD": "".join(f"{name},,\n" for name in files)}
        for name, text in files.items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text)
        for kept in KEPT:
            kept.cache_clear()
        return project

    yield made
    for kept in KEPT:
        kept.cache_clear()


KEPT = (targets.listed, targets.packages, targets.dependencies, targets.owners)


def declared(project, requirement):
    (project / "pyproject.toml").write_text(f"[project]\ndependencies = ['{requirement}']\n")


@pytest.mark.parametrize("requirement", ["plain-lab", "Plain_Lab[gpu]>=1 ; python_version<'4'"])
def test_packages_of_a_declared_distribution_are_allowed(installed, requirement):
    project = installed(**{"plainlab/__init__.py": "", "plainlab/losses.py": "", "one.py": ""})
    assert not targets.is_allowed("plainlab.losses.Charbonnier")
    targets.dependencies.cache_clear()
    declared(project, requirement.replace("'", '"'))
    assert targets.dependencies() == ("plainlab", "one")
    assert targets.is_allowed("plainlab.losses.Charbonnier")


def test_so_are_those_of_one_whose_source_lies_elsewhere(installed, tmp_path):
    source = tmp_path / "elsewhere" / "src"
    (source / "plainlab").mkdir(parents=True)
    (source / "plainlab" / "__init__.py").touch()
    declared(installed(**{"_plain_lab.pth": f"{source}\n"}), "plain-lab")
    assert targets.dependencies() == ("plainlab",)


def test_the_launcher_and_what_it_rules_are_no_dependencies_of_that_kind(installed):
    declared(installed(), "launch-recipes")
    assert targets.dependencies() == ()
    targets.dependencies.cache_clear()
    declared(installed(), "torch>=2")
    assert "torch" not in targets.dependencies()


def test_a_folder_without_pyproject_is_told_that_it_needs_one(installed):
    project = installed(**{"plainlab/__init__.py": ""})
    assert "current folder, which needs a pyproject.toml" in targets.how("plainlab.A")
    declared(project, "numpy")
    assert "which needs a pyproject.toml" not in targets.how("plainlab.A")


def test_what_belongs_to_python_is_not_offered_for_trust():
    assert targets.VARIABLE not in targets.how("os.system")


def test_a_refusal_names_the_distribution_to_declare(installed):
    installed(**{"plainlab/__init__.py": ""})
    with pytest.raises(ConfigError, match=r'add "Plain.Lab" .* or trust plainlab as a whole by L'):
        targets.require("plainlab.losses.Charbonnier")


@pytest.mark.parametrize("value", ["plainlab", "plainlab.losses", "plainlab.losses:Charbonnier"])
def test_an_entry_point_allows_a_package_a_module_or_a_name(installed, value):
    installed(**{"plain_lab-0.1.dist-info/entry_points.txt": f"[launch.targets]\nown = {value}\n"})
    assert targets.is_allowed("plainlab.losses.Charbonnier")
    assert not targets.is_allowed("plainlabs.Other")


def test_the_variable_lists_several(installed, monkeypatch):
    monkeypatch.setenv(targets.VARIABLE, "plainlab.losses, other")
    installed()
    assert targets.is_allowed("plainlab.losses.Charbonnier") and targets.is_allowed("other.A")
    assert not targets.is_allowed("plainlab.nets.Small")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"type": "l1"}, LOSSES["l1"]),
        ({"_target_": "mylab.losses.Own", "type": "l1"}, "mylab.losses.Own"),
    ],
)
def test_an_entry_names_its_class_by_type_or_target(entry, said):
    assert targets.of_entry(entry, LOSSES) == said


@pytest.mark.parametrize(
    ("entry", "said"),
    [({"type": "l11"}, "Did you mean"), ({}, "names no type and no _target_. Types: charbonnier")],
)
def test_an_entry_that_names_nothing(entry, said):
    with pytest.raises(ConfigError, match=said):
        targets.of_entry(entry, LOSSES)
