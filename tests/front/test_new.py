"""`python -m launch new DIR` writes a project; its own test runs it in tests/test_wheel.py."""

import sys

import pytest

from launch.front.new import TEMPLATE
from tests.own_project.test_own_project import forget


def test_it_is_written_under_the_name_of_its_folder(here, tmp_path):
    code, printed = here("new", "starlight")
    assert code == 0
    assert "launch +experiment=starlight/first" in printed
    written = {str(path.relative_to(tmp_path / "starlight")) for path in tmp_path.rglob("*.*")}
    assert written >= {"starlight/module.py", "conf/experiment/starlight/first.yaml"}
    assert "mylab" not in "".join(p.read_text() for p in tmp_path.rglob("*.*") if p.is_file())
    assert (TEMPLATE / "mylab" / "module.py").is_file()


@pytest.mark.parametrize(
    "folder, said", [("My-Lab", "small letters"), ("numpy", "installed"), ("full", "files already")]
)
def test_a_folder_that_cannot_be_is_refused(here, tmp_path, folder, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    code, printed = here("new", folder)
    assert code == 2
    assert said in printed


def test_what_is_written_passes_the_check_and_is_planned(here, tmp_path, monkeypatch):
    here("new", "starlight")
    monkeypatch.chdir(tmp_path / "starlight")
    monkeypatch.setattr(sys, "path", [*sys.path])
    forget()
    code, printed = here("+experiment=starlight/first", "task=plan")
    forget()
    assert code == 0, printed
    assert "losses.edges" in printed
