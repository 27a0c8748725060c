"""What pip installs, away from the repository: `make test-wheel`, or `pytest -m slow` on this file.

The wheel lies in an environment of its own. The packages that it needs are those of this one;
with FRESH=1, as `make test-wheel` sets it, they are installed as for anybody else.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time

import pytest
import torch

from launch.record.origin import DISTRIBUTION
from launch.record.run import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

OWN = REPOSITORY / "tests" / "own_project" / "project"
BUILT_FROM = ("src", "conf", "experiments", "pyproject.toml", "README.md", "LICENSE")
KERNEL = """
import sys
import nbformat
from nbclient import NotebookClient
cells = [nbformat.v4.new_code_cell(source) for source in sys.argv[1:]]
NotebookClient(nbformat.v4.new_notebook(cells=cells), kernel_name="python3", timeout=900).execute()
"""


@pytest.fixture(scope="session")
def binaries(tmp_path_factory):
    """`bin` of an environment that holds the wheel."""
    tree, wheels, venv = (tmp_path_factory.mktemp(name) for name in ("tree", "wheels", "venv"))
    for name in BUILT_FROM:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, tree / name)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip[:3], "wheel", "--quiet", "--no-deps", "-w", wheels, tree], check=True)
    (wheel,) = wheels.glob("*.whl")
    fresh = os.environ.get("FRESH") == "1"
    subprocess.run([*pip, *([] if fresh else ["--no-deps"]), wheel], check=True)
    if not fresh:
        (packages,) = venv.glob("lib/*/site-packages")
        (packages / "of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([*pip, "nbclient", "ipykernel"], check=True)
    return venv / "bin"


@pytest.fixture
def away(binaries, tmp_path):
    """away("launch", ...) in an empty folder, without the repository: what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LAUNCH"))}
    environment |= {"PATH": f"{binaries}:{environment['PATH']}", "OMP_NUM_THREADS": "1"}

    def run(program, *arguments, folder=tmp_path, code=0):
        command = [str(binaries / program), *map(str, arguments)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(command, cwd=folder, env=environment, check=False, **streams)
        assert done.returncode == code, done.stdout
        return done.stdout

    run.environment = environment
    return run


@pytest.fixture
def stars(tmp_path):
    """The small project of somebody's own."""
    return shutil.copytree(OWN, tmp_path / "stars", ignore=lambda *_: ["__pycache__"])


def last(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def test_it_says_what_it_is_lists_plans_and_trains(away, tmp_path):
    assert away("launch", "--version").startswith(DISTRIBUTION)
    assert "sr/static" in away("launch")
    assert "plan.png" in away("launch", "+experiment=pbr/phase_b", "task=plan")
    away("launch", "+experiment=sr/static", "trainer.max_iterations=2", f"run_dir={tmp_path}/run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "completed"
    names = away("python", "-c", "import launch; print(launch.__file__)")
    assert "site-packages" in names


def test_it_puts_one_package_and_hydras_plugin_into_the_environment(away):
    top = "import importlib.metadata as m; print(*{str(f).split('/')[0] for f in m.files('%s')})"
    found = set(away("python", "-c", top % DISTRIBUTION).split())
    assert {name for name in found if "dist-info" not in name} == {"launch", "hydra_plugins", ".."}


def test_the_two_commands_of_a_new_project_pass(away, tmp_path):
    printed = away("launch", "new", "starlight")
    first, second = [line.split() for line in printed.splitlines()[2:]]
    folder = tmp_path / "starlight"
    assert "psnr" in away(*first, folder=folder)
    assert "OK" in away(*second, folder=folder)


def test_an_own_project_is_killed_and_resumed_bit_for_bit(away, binaries, stars):
    length = ["+experiment=stars/first", "trainer.max_iterations=3000"]
    away("launch", *length, "run_dir=whole", folder=stars)
    command = [str(binaries / "launch"), *length, "run_dir=parts"]
    process = subprocess.Popen(command, cwd=stars, env=away.environment, start_new_session=True)
    while not (stars / "parts" / "checkpoints" / "last.ckpt").is_file():
        assert process.poll() is None, "it has ended before it could be killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert json.loads((stars / "parts" / "run.json").read_text())["status"] == "running"
    away("launch", "resume=parts", folder=stars)
    one, other = last(stars / "whole"), last(stars / "parts")
    torch.testing.assert_close(other["state_dict"], one["state_dict"], rtol=0, atol=0)
    assert one["callbacks"]["Count"] == other["callbacks"]["Count"] == {"batches": 3000}


def test_an_own_project_sweeps_plans_predicts_and_reports(away, stars):
    short = ["+experiment=stars/first", "trainer.max_iterations=20"]
    assert "losses.peaks" in away("launch", *short, "task=plan", folder=stars)
    swept = away("launch", "-m", *short, "seed=0,1", "run_dir=swept", folder=stars)
    assert swept.count("completed") >= 2
    torch.save(torch.zeros(1, 1, 9, 7), stars / "sky.pt")
    predict = ["task=predict", "from=swept/0", "input=sky.pt", "output=clean.pt"]
    away("launch", *predict, folder=stars)
    assert torch.load(stars / "clean.pt", weights_only=True).shape == (1, 1, 9, 7)
    away("launch", "task=report", "runs=swept", "output=report.html", folder=stars)
    assert "stars/first" in (stars / "report.html").read_text()


def test_a_typo_in_an_own_project_is_answered_with_file_and_line(away, stars):
    file = stars / "conf" / "experiment" / "stars" / "first.yaml"
    file.write_text(file.read_text().replace("emphasis: 3", "emphasys: 3"))
    printed = away("launch", "+experiment=stars/first", folder=stars, code=2)
    assert "Did you mean 'emphasis'?" in printed
    assert "first.yaml:6" in printed


def test_the_lines_of_the_readme_run_in_a_notebook(away):
    (lines,) = re.findall(r"\n((?:    .*\n)*    import launch\n(?:    .*\n)*)", readme())
    assert lines.count("\n") <= 10
    cell = "\n".join(line.strip() for line in lines.splitlines())
    assert "max_iterations=100" in cell
    check = """
import torch
saved = torch.load(run.checkpoint, weights_only=True)["state_dict"]
own = network.network.state_dict()
assert own and all(torch.equal(saved[f"network.{name}"], own[name]) for name in own)
assert not network.training
assert config["scale"] == "full" and config["name"] == "sr/static"
assert len(records) == 1
"""
    away("python", "-c", KERNEL, cell.replace("max_iterations=100", "max_iterations=2"), check)


def readme():
    return (REPOSITORY / "README.md").read_text()
