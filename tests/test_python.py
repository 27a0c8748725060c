"""The command line as functions. README's lines run in `test_wheel.py`."""

import io
import sys

import pytest

import launch
from launch.errors import ConfigError, LaunchError, MissingError
from launch.record.run import Run


def test_a_configuration_is_composed_by_the_name_of_its_experiment():
    config = launch.compose("sr/static", "scale=full", "+losses.edges={type: l1}")
    assert (config["name"], config["scale"]) == ("sr/static", "full")
    assert list(config["losses"]) == ["pixel", "edges"]


def test_what_is_wrong_with_it_is_raised():
    with pytest.raises(ConfigError, match="Did you mean 'sr/static'"):
        launch.compose("sr/statik")


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    run.note("end", status="completed", task="validate", metrics={"psnr": 25.0})
    return run


def test_runs_are_records_where_there_is_no_pandas(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    (found,) = launch.runs(run.folder.parent)
    assert found == run.record | {"folder": str(run.folder)}


def test_only_a_training_can_be_loaded(run, tmp_path):
    with pytest.raises(ConfigError, match="is a validate; give a training"):
        launch.load(run)
    with pytest.raises(MissingError, match="is no run folder"):
        launch.load(tmp_path / "elsewhere")


class Command:
    """Stands for the process that trains: notes what was typed, prints and ends."""

    typed: list[str]

    def __init__(self, code, printed):
        self.returncode, self.stdout = code, io.StringIO(printed)

    def __call__(self, command, **options):
        self.typed = command[3:]
        return self

    def wait(self):
        return self.returncode


def test_a_run_is_the_command_and_its_folder(monkeypatch, tmp_path, capsys):
    command = Command(0, "trained\n")
    monkeypatch.setattr("subprocess.Popen", command)
    run = launch.run("sr/static", f"run_dir={tmp_path}/run")
    assert command.typed[:2] == ["experiment=sr/static", f"run_dir={tmp_path}/run"]
    assert run.folder == tmp_path / "run"
    assert capsys.readouterr().out == "trained\n"


def test_one_that_fails_raises_its_last_line_and_code(monkeypatch, tmp_path):
    monkeypatch.setattr("subprocess.Popen", Command(3, "scale demo\nerror: no memory\n\n"))
    with pytest.raises(LaunchError, match="run: error: no memory") as told:
        launch.run("sr/static", f"run_dir={tmp_path}/run")
    assert told.value.exit_code == 3
