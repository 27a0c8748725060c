"""`python -m launch` is the command line."""

import runpy

from launch.front import command_line


def test_it_calls_the_command_line_when_it_is_run(monkeypatch):
    called = []
    monkeypatch.setattr(command_line, "main", lambda: called.append("main"))
    runpy.run_module("launch.__main__", run_name="imported")
    assert called == []
    runpy.run_module("launch", run_name="__main__")
    assert called == ["main"]
