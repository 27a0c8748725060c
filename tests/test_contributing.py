"""The scenario that CONTRIBUTING shows, typed from its text into a copy of the repository."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from launch.record.run import REPOSITORY

BLOCK = re.compile(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)
BLOCKS = dict(BLOCK.findall((REPOSITORY / "CONTRIBUTING.md").read_text()))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The repository with the files of the text, and nothing else added."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("src", "conf", "experiments", "tests", "benchmarks"):
        shutil.copytree(REPOSITORY / name, folder / name, symlinks=True)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    for name, text in BLOCKS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "experiments" / "toy" / "__init__.py").touch()
    return folder


def python(copy, *arguments):
    """What `python ARGUMENTS` prints in the copy; it has to end well."""
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, cwd=copy, env=environment, check=False, **streams)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_its_files_are_those_that_the_text_names():
    assert list(BLOCKS) == [
        "experiments/toy/module.py",
        "experiments/toy/synthetic.py",
        "conf/data/toy/synthetic.yaml",
        "conf/experiment/toy/line.yaml",
    ]


@pytest.mark.slow
def test_its_command_gives_the_expected_result(copy):
    (command,) = re.findall(r"#   python (-m launch .*)", BLOCKS["conf/experiment/toy/line.yaml"])
    python(copy, *command.split(), "run_dir=run")
    record = json.loads((copy / "run" / "run.json").read_text())
    assert record["status"] == "completed"
    assert record["iteration"] == 600
    assert record["metrics"]["error"] == pytest.approx(0.1, abs=0.02)  # what its YAML expects
    python(copy, "-m", "launch", "resume=run", "trainer.max_iterations=650")
    assert json.loads((copy / "run" / "run.json").read_text())["iteration"] == 650


@pytest.mark.slow
def test_the_tests_of_the_repository_find_it(copy):
    found = python(copy, "-m", "pytest", "-q", "-k", "toy", "tests/test_experiments.py")
    assert "4 passed" in found
