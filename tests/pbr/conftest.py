"""The command line in this process: starting children and workers takes most of a test."""

import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

from launch.errors import LaunchError
from launch.front import command_line
from launch.start import start
from tests.command_line import work_here


@pytest.fixture(scope="module")
def launch_here():
    """A function that does what `python -m launch ARGUMENTS` does; returns the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "work", work_here)
        patch.setattr(sys, "argv", ["launch"])
        yield dispatch


def dispatch(arguments):
    GlobalHydra.instance().clear()
    try:
        return command_line.dispatch(arguments)
    except LaunchError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
