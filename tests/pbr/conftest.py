"""The command line in this process: starting children and workers takes most of a test."""

import sys

import pytest
import torch
import yaml
from hydra.core.global_hydra import GlobalHydra

from launch import __main__, child, jobs
from launch.errors import LaunchError
from launch.train import worker


@pytest.fixture(scope="module")
def launch_here():
    """A function that does what `python -m launch ARGUMENTS` does; returns the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "launch", dispatch)
        patch.setattr(jobs, "work", work)
        patch.setattr(sys, "argv", ["launch"])
        yield dispatch


def dispatch(arguments):
    GlobalHydra.instance().clear()
    try:
        return __main__.dispatch(arguments)
    except LaunchError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code


def work(run):
    threads = torch.get_num_threads()
    code = worker.work(run, yaml.safe_load((run.folder / "config.yaml").read_text()))
    torch.set_num_threads(threads)
    run.update(exit_code=code)
    return code
