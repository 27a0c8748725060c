"""Hydra finds the sweeper by itself, and every other application of Hydra pays nothing for it."""

import ast
from inspect import getsource

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

from hydra_plugins import launch_sweeper
from launch.front import sweep


def test_hydra_discovers_it():
    found = [plugin.__name__ for plugin in Plugins.instance().discover(Sweeper)]
    assert "LaunchSweeper" in found


def test_loading_its_file_imports_none_of_ours():
    top = ast.parse(getsource(launch_sweeper)).body
    imported = [node.module for node in top if isinstance(node, ast.ImportFrom)]
    assert not [name for name in imported if name.startswith("launch")]


def test_what_is_swept_is_handed_on(monkeypatch):
    monkeypatch.setattr(sweep, "sweep", lambda sweeper, arguments: (sweeper, arguments))
    sweeper = launch_sweeper.LaunchSweeper.__new__(launch_sweeper.LaunchSweeper)
    assert sweeper.sweep(["seed=0,1"]) == (sweeper, ["seed=0,1"])
